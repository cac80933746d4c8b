"""Clocks that are set back, or were never right: time goes with the sequence of the books all the same."""

from booked_store import NOW, Booking, audit, on_database, razorpay

from gateway.queries.reading import Database


def test_books_never_go_back_in_time(mongo_uri: str, database_name: str) -> None:
    """A past balance is found by time, so a transaction is not dated before the ones booked already, whoever booked them."""

    async def story(database: Database) -> None:
        fast = Booking(database, now=NOW + 4_000)
        await fast.book([razorpay("payment.captured", "pay_1", 100)])
        fast.now = NOW
        await fast.book([razorpay("payment.captured", "pay_2", 100)])
        await database["leases"].update_one({"_id": "writer"}, {"$set": {"holder": ""}})
        await database["leases"].update_one({"_id": "writer"}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])
        await Booking(database, now=NOW + 1).book([razorpay("payment.captured", "pay_3", 100)])
        moments = [row["at"].timestamp() async for row in database["transactions"].find().sort("seq", 1)]
        assert moments == [NOW + 4_000] * 3
        assert (await audit(database)).ok

    on_database(mongo_uri, database_name, story)
