from hub.core.db import Database
from hub.people.privacy import PrivacyService
from hub.people.privacy.activity import describe_action
from tests.people.privacy.people import ADA, NOW, insert


async def test_the_newest_act_is_first_and_only_ones_own_are_there(privacy: PrivacyService, two: Database):
    await insert(
        two,
        ("audit_logs", {"at": NOW, "actor": f"customer:{ADA.id}", "action": "password.changed", "customer_id": ADA.id}),
    )
    acts, total = await privacy.list_activity(ADA.caller, page=1, page_size=20)
    assert [(act.what, act.by, act.ip) for act in acts] == [
        ("Password changed", "you", None),
        ("Account unlocked", "staff", None),
        ("Signed in", "visitor", ADA.ip),
    ]
    assert total == 3


async def test_pages_are_parts_of_one_list(privacy: PrivacyService, two: Database):
    found = [await privacy.list_activity(ADA.caller, page=page, page_size=1) for page in (1, 2, 3)]
    assert [([act.action for act in acts], total) for acts, total in found] == [
        (["account.unlocked"], 2),
        (["session.started"], 2),
        ([], 2),
    ]


def test_an_act_without_words_of_its_own_is_readable():
    assert describe_action("booking.schedule_changed") == "Booking schedule changed"
