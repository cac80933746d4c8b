"""A dispute that a provider reports becomes the label of its payment, in the running gateway, without anybody's hand."""

from deliveries import new_id, razorpay_captured, razorpay_event, signed
from provider import Provider
from running_gateway import RunningGateway, until


def test_a_disputed_payment_is_labelled_by_the_worker(gateway: RunningGateway, provider: Provider) -> None:
    """Two signed webhooks through the door; the worker's pass then says what the payment turned out to be."""
    payment, dispute = new_id("pay"), new_id("disp")
    thing = {"id": dispute, "payment_id": payment, "amount": 500_00, "currency": "INR"}
    for body in (
        razorpay_captured(500_00, payment=payment, wallet="disputed-owner"),
        razorpay_event("payment.dispute.created", dispute=thing),
    ):
        assert provider.send(signed("razorpay", body)).status_code == 202
    name = {"_id": f"razorpay:payment:{payment}"}
    until(lambda: gateway.rows().labels.count_documents(name) == 1, within_s=20, what="the label")
    label = gateway.rows().labels.find_one(name)
    assert label
    assert (label["label"], label["why"], label["wallet"]) == (1, "dispute_open", "disputed-owner")
