"""What Kiwi says of a refused order, and where its words belong."""

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.kiwi.baggage import BagsUnavailable, choose_bags, list_ordered_bags, read_order_data
from adapters.kiwi.refusals import MAX_TEXT_LENGTH, read_reasons
from adapters.kiwi.requirements import read_requirements

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def test_every_field_has_its_place_in_the_request():
    body = {
        "message": [
            {"param": "passengers.1.phone", "errors": ["Not a valid phone number.", "Too short."]},
            {"param": "passengers.0.cardno", "errors": ["Missing."]},
            {"param": "passengers", "errors": ["Nobody is 16 or older."]},
            {"param": "baggage", "errors": ["Not a valid list."]},
        ]
    }
    found = [(one.param, one.pointer) for one in read_reasons(body)]
    assert found == [
        ("passengers.1.phone", "/travelers/1/phone"),
        ("passengers.0.cardno", "/travelers/0/document/number"),
        ("passengers", "/travelers"),
        ("baggage", None),
    ]
    assert read_reasons(body)[0].message == "Not a valid phone number. Too short."


def test_a_sentence_is_a_reason_too():
    [reason] = read_reasons({"status": "Bad Request", "error": "x" * 1000})
    assert (reason.message, reason.pointer) == ("x" * MAX_TEXT_LENGTH, None)


def test_the_words_do_not_show_in_the_repr():
    [reason] = read_reasons({"message": [{"param": "passengers.0.phone", "errors": ["+447700900123 is wrong"]}]})
    assert "+447700900123" not in repr(reason)


@example({"message": [{"param": "", "errors": [""]}]})
@given(JSON | st.fixed_dictionaries({"message": st.lists(st.fixed_dictionaries({"param": JSON, "errors": JSON}))}))
def test_whatever_kiwi_says_is_read_without_an_error(body):
    assert all(one.param or one.message for one in read_reasons(body))


@given(st.fixed_dictionaries(dict.fromkeys(("document_options", "age_category_thresholds", "adult_threshold"), JSON)))
def test_requirements_that_make_no_sense_are_the_usual_ones(document):
    found = read_requirements(document)
    assert found.document.need in {"none", "optional", "required"}
    assert found.ages.child_from >= 1


@given(JSON, st.lists(st.sampled_from(["adult", "child", "infant"]), min_size=1, max_size=4), st.integers(0, 1))
def test_baggage_that_makes_no_sense_is_no_baggage(combinations, groups, promised):
    data = read_order_data({"baggage": {"combinations": {"hold_bag": combinations, "hand_bag": combinations}}})
    try:
        orders = choose_bags(data, groups, promised)
    except BagsUnavailable:
        return
    assert len(list_ordered_bags(data, orders, len(groups))) == len(groups)


def test_of_two_combinations_that_cost_the_same_the_one_with_a_bag_is_ordered():
    rows = [{"indices": list(range(count)), "price": {"amount": cents}} for count, cents in ((0, 0), (1, 0), (2, 30))]
    data = read_order_data({"baggage": {"combinations": {"hold_bag": rows}}})
    [order] = choose_bags(data, ["adult"], 0)
    assert len(order["combination"]["indices"]) == 1
