"""The customer's names: every class that records by hand or reads what was counted.

Without arguments they all share the one default runtime, which the decorators feed; given a
`MetricsCollector`, they use that one's.
"""

from pepperpy_obs.aggregate.metric import Metric
from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.metrics.collector import MetricsCollector
from pepperpy_obs.metrics.cost import CostAnalyzer
from pepperpy_obs.metrics.health import HealthChecker
from pepperpy_obs.metrics.performance import PerformanceMonitor
from pepperpy_obs.metrics.usage import UsageTracker

__all__ = [
    "CostAnalyzer",
    "HealthChecker",
    "Metric",
    "MetricsCollector",
    "PerformanceMonitor",
    "PrometheusExporter",
    "UsageTracker",
]
