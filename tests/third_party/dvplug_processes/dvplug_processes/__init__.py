"""An executor: regions are called by processes of this machine."""

from dvplug.hookspecs import Executor, hookimpl

DVPLUG_API = 3


@hookimpl
def dvplug_executors():
    return [
        Executor("processes", "processes of this machine", "dvplug_processes.pool:open_pool", tried_at="2")
    ]
