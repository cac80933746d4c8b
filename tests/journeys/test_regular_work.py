"""What a running gateway's worker starts by itself, in processes of their own."""

from pathlib import Path

from running_gateway import SECRETS, running, until


def test_the_worker_audits_by_itself_and_goes_on(tmp_path: Path) -> None:
    """The audit's report is stored, and the worker that started it is still the same."""
    with running(tmp_path, AUDIT_EVERY_S="1", **SECRETS) as gateway:
        audits = gateway.rows().audits
        until(lambda: audits.count_documents({"ok": True}) >= 2, within_s=60, what="two audits are stored")
        lease = gateway.rows().leases.find_one({"_id": "writer"})
    assert lease is not None
    assert lease["epoch"] == 1
