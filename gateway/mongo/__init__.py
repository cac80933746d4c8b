"""Reaching MongoDB: a deployment of yours by `MONGO_URL`, or a private `mongod` under the data directory.

binary      which mongod, and can it run?
home        the private one's directory: lock, key, password, which process it is
embedded    starts, restarts and stops the private one
client      connects to either
history     how long the private one keeps what was changed
giving_way  what is not in a hurry goes behind what is, in there too
"""

from gateway.mongo.binary import find_mongod
from gateway.mongo.client import Client, connect, ping, reach
from gateway.mongo.embedded import PrivateMongod
from gateway.mongo.home import running_uri

__all__ = ["Client", "PrivateMongod", "connect", "find_mongod", "ping", "reach", "running_uri"]
