"""Whether RDS publishes the metric of ACTIVITY_METRIC. CloudWatch does not refuse unknown names: it has no data."""

import difflib
from collections.abc import Iterator
from typing import Final

from chalicelib.settings import Settings
from dev.deploy.findings import Finding, notice

_NAMES: Final = """
ACUUtilization AbortedClients ActiveTransactions BinLogDiskUsage BlockedTransactions BufferCacheHitRatio
BurstBalance CPUCreditBalance CPUCreditUsage CPUSurplusCreditBalance CPUSurplusCreditsCharged CPUUtilization
CheckpointLag CommitLatency CommitThroughput ConnectionAttempts DBLoad DBLoadCPU DBLoadNonCPU
DBLoadRelativeToNumVCPUs DDLLatency DDLThroughput DMLLatency DMLThroughput DatabaseConnections Deadlocks
DeleteLatency DeleteThroughput DiskQueueDepth DiskQueueDepthLogVolume EngineUptime FailedSQLServerAgentJobsCount
FreeLocalStorage FreeStorageSpace FreeStorageSpaceLogVolume FreeableMemory InsertLatency InsertThroughput
LoginFailures MaximumUsedTransactionIDs NetworkReceiveThroughput NetworkThroughput NetworkTransmitThroughput
NumBinaryLogFiles OldestReplicationSlotLag Queries ReadIOPS ReadIOPSLocalStorage ReadIOPSLogVolume ReadLatency
ReadLatencyLocalStorage ReadLatencyLogVolume ReadThroughput ReadThroughputLocalStorage ReadThroughputLogVolume
ReplicaLag ReplicationSlotDiskUsage ResultSetCacheHitRatio RollbackSegmentHistoryListLength RowLockTime
SelectLatency SelectThroughput ServerlessDatabaseCapacity StorageNetworkReceiveThroughput StorageNetworkThroughput
StorageNetworkTransmitThroughput SumBinaryLogSize SwapUsage TempStorageIOPS TempStorageThroughput
TransactionLogsDiskUsage TransactionLogsGeneration UpdateLatency UpdateThroughput VolumeBytesUsed VolumeReadIOPs
VolumeWriteIOPs WriteIOPS WriteIOPSLocalStorage WriteIOPSLogVolume WriteLatency WriteLatencyLocalStorage
WriteLatencyLogVolume WriteThroughput WriteThroughputLocalStorage WriteThroughputLogVolume
"""
"""Metrics of AWS/RDS that may say something about the use of a database.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Cloudwatch.html
"""

_METRICS: Final = frozenset(_NAMES.split())


def check_metric(settings: Settings) -> Iterator[Finding]:
    """A notice about a metric that is not in the list, with the name that is closest to it."""
    rule = settings.activity_metric
    if rule is None or rule.name in _METRICS:
        return
    by_lower = {name.lower(): name for name in sorted(_METRICS)}
    closest = difflib.get_close_matches(rule.name.lower(), by_lower, n=1)
    advice = f"Did you mean {by_lower[closest[0]]}?" if closest else "Check its name, for example in CloudWatch."
    yield notice(
        f"ACTIVITY_METRIC: {rule.name} is not a metric of AWS/RDS that rds-lifecycle knows. {advice} CloudWatch "
        "accepts any name and has no data for one that RDS does not publish: no database would be stopped."
    )
