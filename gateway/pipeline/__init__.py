"""The story in two halves.

    reception    delivery → verified → identified → stored durably              before the 202, one event at a time
    processing   stored events → payment events → transactions → insights       after it, a batch at a time
    requested    what a caller inside asks for, stored as an event like any other
    profiles     what was learned of wallets and counterparties                 the same whoever wrote them
    labels       disputes and quiet time → what each payment turned out to be   beside it
    period_insights  days that are over → insights of wallets and of the business   beside it
    history      the stored past, replayed                                      to train a model on
    drift        the last days and weeks beside those before                     to know when to train anew
    retention    what was sent, when it is old                                  in the end, if the operator says so

Everything a batch causes is written in one database transaction with the outcomes of its events: after a crash an event is
either waiting, or done with all its effects.
"""

from gateway.pipeline.processing import Prepared, Processing
from gateway.pipeline.reception import Incidents, Reception

__all__ = ["Incidents", "Prepared", "Processing", "Reception"]
