from tests.support.running import Running


async def test_a_paid_booking_earns_points_and_its_refund_returns_them(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    paid = await running.good("GET", "/api/user/loyalty")
    assert (paid["bookings_paid"], paid["bookings_refunded"]) == (1, 0)
    assert paid["points"] > 0
    assert paid["spend"][0]["paid"] == booking["total"]
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    await running.settled(booking)
    back = await running.good("GET", "/api/user/loyalty")
    assert (back["points"], back["bookings_paid"], back["bookings_refunded"]) == (0, 1, 1)
    assert [one["reason"] for one in back["history"]["items"]] == ["returned", "earned"]
