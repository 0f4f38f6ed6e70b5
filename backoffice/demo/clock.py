"""When things happen in the demo data: on workdays more than on Sundays, at noon more than at night."""

from datetime import datetime, timedelta
from random import Random

DAYS = 90

_BY_WEEKDAY = (13, 12, 11, 11, 13, 8, 3)
_BY_HOUR = (1, 1, 1, 1, 1, 2, 5, 12, 26, 34, 36, 33, 27, 26, 30, 31, 28, 22, 14, 9, 7, 5, 3, 2)
_OPENS, _CLOSES = 7, 19


class Clock:
    """Draws moments (UTC) of the last 90 days before `now`."""

    def __init__(self, random: Random, now: datetime) -> None:
        self._random = random
        self.now = now
        self._midnights = [
            now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=back)
            for back in range(DAYS)
        ]

    def moments(self, count: int) -> list[datetime]:
        """That many moments at which somebody writes, oldest first."""
        found: list[datetime] = []
        while len(found) < count:
            found += [moment for moment in self._drawn(count - len(found)) if moment < self._latest]
        return sorted(found)

    def conversation(self, begun: datetime, mean_hours: list[float]) -> list[datetime]:
        """A moment for each line that follows, after waiting about so many hours for each.

        What would lie in the future is squeezed in before now.
        """
        moments = []
        moment = begun
        for hours in mean_hours:
            moment = self._in_opening_hours(moment + self._pause(hours))
            moments.append(moment)
        if moments and moments[-1] > self._latest:
            scale = (self._latest - begun) / (moments[-1] - begun)
            return [begun + (moment - begun) * scale for moment in moments]
        return moments

    @property
    def _latest(self) -> datetime:
        return self.now - timedelta(minutes=2)

    def _drawn(self, count: int) -> list[datetime]:
        weights = [_BY_WEEKDAY[midnight.weekday()] for midnight in self._midnights]
        days = self._random.choices(self._midnights, weights, k=count)
        hours = self._random.choices(range(24), _BY_HOUR, k=count)
        return [
            day + timedelta(hours=hour, seconds=self._random.uniform(0, 3600))
            for day, hour in zip(days, hours, strict=True)
        ]

    def _pause(self, hours: float) -> timedelta:
        return timedelta(hours=max(0.05, self._random.expovariate(1 / hours)))

    def _in_opening_hours(self, moment: datetime) -> datetime:
        if _OPENS <= moment.hour < _CLOSES:
            return moment
        morning = moment.replace(hour=_OPENS) + timedelta(minutes=self._random.uniform(0, 150))
        return morning if moment.hour < _OPENS else morning + timedelta(days=1)
