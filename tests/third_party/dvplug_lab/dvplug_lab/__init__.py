"""An executor: regions are called by processes of the lab."""

from dvplug.hookspecs import Executor, hookimpl

DVPLUG_API = 3


@hookimpl
def dvplug_executors():
    return [Executor("lab", "processes of the lab", "dvplug_lab.pool:open_pool", tried_at="2")]
