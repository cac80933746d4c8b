"""A spike of forgeries at a running gateway: its worker tells it, and its commands show it."""

from deliveries import new_id, signed, transfer
from provider import Provider
from running_gateway import run_gateway, until


def test_sixty_forgeries_become_an_insight_and_an_alert(provider: Provider) -> None:
    """Within one look of the worker, which comes every 15 seconds; `gateway refusals` shows them and what to do."""
    deliveries = [
        signed("payments", transfer(tx_id=new_id()), key="another-secret-than-that-of-the-source") for _ in range(60)
    ]
    assert {provider.send(delivery).status_code for delivery in deliveries} == {403}
    rows = provider.rows
    spike = {"kind": "forgeries", "source": "payments", "count": {"$gte": 60}}
    until(lambda: rows.security_insights.count_documents(spike) > 0, within_s=40, what="the spike is an insight")
    about = {"kind": "security", "subject": "forgeries:payments"}
    until(lambda: rows.alerts.count_documents(about) > 0, within_s=40, what="the alert that follows it")
    alert = rows.alerts.find_one(about)
    assert alert is not None
    assert "deliveries with a missing or wrong signature at payments" in alert["summary"]

    folder, data = provider.gateway.folder, str(provider.gateway.data_dir)
    told = run_gateway("refusals", "spikes", "--data-dir", data, cwd=folder)
    assert told.returncode == 0, told.stderr
    assert "forgeries at payments, lasts" in told.stdout
    assert "From 127.0.0.0/24" in told.stdout
    asked = ("--source", "payments", "--reason", "signature", "--network", "127.0.0.1", "--limit", "5")
    listed = run_gateway("refusals", "list", *asked, "--data-dir", data, cwd=folder)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("signature_wrong") == 5
    wrong = run_gateway("refusals", "list", "--network", "example.com", "--data-dir", data, cwd=folder)
    assert wrong.returncode == 1
    assert "192.0.2.0/24" in wrong.stderr
