"""Prometheus metrics of one application, in a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db import states
from app.db.repositories import workers
from app.db.tables import utc_now

WORKER_ALIVE = timedelta(seconds=60)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Request metrics, and what the database says about searches, trials and workers at the moment of a scrape."""

    def __init__(self, reader: sessionmaker[Session]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "erlangen_http_requests",
            "Requests answered, by route template and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "erlangen_http_request_seconds",
            "Seconds from a request to the start of its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(DatabaseCollector(reader))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        known = self._children.get((method, route, status))
        if known is None:
            known = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._children[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)


class DatabaseCollector(Collector):
    """Gauges read from the database at each scrape."""

    def __init__(self, reader: sessionmaker[Session]) -> None:
        self._reader = reader

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering a collector must not ask the database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("erlangen_database_up", "1 when the database answered this scrape.")
        try:
            with self._reader() as session:
                searches = workers.count_searches(session)
                trials = workers.count_trials(session)
                alive = workers.count_alive(session, utc_now() - WORKER_ALIVE)
        except SQLAlchemyError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        for name, known, counts in (
            ("searches", states.SEARCH_STATES, searches),
            ("trials", states.TRIAL_STATES, trials),
        ):
            family = GaugeMetricFamily(f"erlangen_{name}", f"{name.capitalize()} by state.", labels=("state",))
            for state in known:
                family.add_metric((state,), counts.get(state, 0))
            yield family
        yield GaugeMetricFamily(
            "erlangen_queue_depth", "Candidates that wait for a worker.", value=trials.get(states.QUEUED, 0)
        )
        yield GaugeMetricFamily("erlangen_workers_alive", "Workers seen within a minute.", value=alive)
