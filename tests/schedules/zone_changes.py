#!/usr/bin/python3
"""Schedules fire when an independent oracle says so.

Goal: every change of the clock in six zones from 2000 to 2040, under every policy, for
schedules of every form; and the offset of every zone that is installed.
Method: Python's zoneinfo knows the zones, and a walk over every wall time that fits
knows the schedules: it shares neither code nor method with the engine, which walks
through spans without changes. All moments must be equal.
"""
import datetime as dt
import os
import random
import subprocess
import unittest
import zoneinfo

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
UTC = dt.timezone.utc
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
         "Asia/Tehran", "Africa/Casablanca"]
POLICIES = ["first", "skip", "both"]
CRONS = [
    "* * * * *", "*/30 * * * *", "15 * * * *", "0 0-23 * * *", "*/15 2 * * *",
    "30 2 * * *", "0 2 * * *", "0 3 * * *", "45 1 * * *", "0 0 * * *", "30 0 * * *",
    "0,30 1-3 * * *", "5/20 0-2 * * *", "0 */2 * * *", "0 */6 * * *", "30 1,2 * * SUN",
    "15 2 L * *", "20 2 * * 0L", "10 0,2,23 1-7 * 0", "30 10 2 * * *",
    "0,59 59 1 * * *", "0 2 * 3,10 SUN#2",
]
NAMES = {name: str(i) for i, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
DAY, WEEK = 86400, 7 * 86400
SPAN = 5 * 3600  # before and after a change
# Samoa left out 30 December 2011; Norway's station in the Antarctic moves by two hours.
YEARS = [("Europe/Berlin", 2024), ("Australia/Lord_Howe", 2039), ("Pacific/Apia", 2011),
         ("Antarctica/Troll", 2026), ("UTC", 2027)]


def numbers(field, low, high):
    """The values of a field without names, L and #."""
    found = set()
    for part in field.split(","):
        part, _, step = part.partition("/")
        if part == "*":
            first, last = low, high
        elif "-" in part:
            first, last = map(int, part.split("-"))
        else:
            first, last = int(part), high if step else int(part)
        found.update(range(first, last + 1, int(step or 1)))
    return found


def month_length(day):
    following = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return (following - dt.timedelta(days=1)).day


class Cron:
    def __init__(self, text):
        fields = text.split()
        if len(fields) == 5:
            fields.insert(0, "0")
        for name, number in NAMES.items():
            fields[5] = fields[5].replace(name, number)
        self.seconds = sorted(numbers(fields[0], 0, 59))
        self.minutes = numbers(fields[1], 0, 59)
        self.hours = numbers(fields[2], 0, 23)
        self.months = numbers(fields[4], 1, 12)
        self.day, self.weekday = fields[3], fields[5]
        self.running = self.hours == set(range(24)) or fields[1].startswith("*")
        self.days = {}  # what was asked before

    def day_fits(self, day):
        if day not in self.days:
            self.days[day] = self.ask_day(day)
        return self.days[day]

    def ask_day(self, day):
        if day.month not in self.months:
            return False
        by_date = day.day == month_length(day) if self.day == "L" \
            else day.day in numbers(self.day, 1, 31)
        weekday = (day.weekday() + 1) % 7
        if self.weekday.endswith("L"):
            by_weekday = weekday == int(self.weekday[0]) and day.day > month_length(day) - 7
        elif "#" in self.weekday:
            which, nth = map(int, self.weekday.split("#"))
            by_weekday = weekday == which and (day.day - 1) // 7 + 1 == nth
        else:
            by_weekday = weekday in numbers(self.weekday, 0, 6)
        both = self.day != "*" and self.weekday != "*"
        return by_date or by_weekday if both else by_date and by_weekday


    def walls(self, first, last):
        """Each wall time from one day to another that fits, at second 0."""
        day = first
        while day <= last:
            if self.day_fits(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        yield dt.datetime(day.year, day.month, day.day, hour, minute)
            day += dt.timedelta(days=1)


class Clock:
    """The wall clock of a zone."""

    def __init__(self, name):
        self.name = name
        self.zone = zoneinfo.ZoneInfo(name)
        self.shown = {}  # what was asked before

    def offset(self, at):
        return dt.datetime.fromtimestamp(at, self.zone).utcoffset()

    def day(self, at):
        return dt.datetime.fromtimestamp(at, self.zone).date()

    def moments(self, wall):
        """When it shows a wall time; of one that is leapt over, neither fold comes back."""
        if wall not in self.shown:
            asked = {int(wall.replace(tzinfo=self.zone, fold=fold).timestamp())
                     for fold in (0, 1)}
            self.shown[wall] = sorted(
                at for at in asked if
                dt.datetime.fromtimestamp(at, self.zone).replace(tzinfo=None) == wall)
        return self.shown[wall]

    def leap(self, wall):
        """The moment at which it leaps over a wall time."""
        low, high = (int(wall.replace(tzinfo=self.zone, fold=fold).timestamp())
                     for fold in (1, 0))
        return self.change(low, high)

    def change(self, low, high):
        """The moment between two at which the offset changes."""
        before = self.offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.offset(middle) == before \
                else (low, middle)
        return high

    def changes(self, first=2000, last=2040):
        at = int(dt.datetime(first, 1, 1, tzinfo=UTC).timestamp())
        end = int(dt.datetime(last + 1, 1, 1, tzinfo=UTC).timestamp())
        while at < end:
            if self.offset(at) != self.offset(at + WEEK):
                yield self.change(at, at + WEEK)
            at += WEEK

    def fires(self, cron, after, until):
        """What each policy fires between two moments."""
        found = {policy: set() for policy in POLICIES}
        for wall in cron.walls(self.day(after), self.day(until)):
            moments = self.moments(wall)
            for policy in POLICIES:
                every = cron.running or policy == "both"
                for moment in moments if every else moments[:1]:
                    found[policy].update(moment + second for second in cron.seconds)
                if not moments and not cron.running and policy != "skip":
                    found[policy].add(self.leap(wall))
        return {policy: sorted(at for at in found[policy] if after < at < until)
                for policy in POLICIES}


def ask(questions):
    said = subprocess.run(
        [os.path.join(BUILD, "tests/schedules/schedule")],
        input="".join("\t".join(map(str, q)) + "\n" for q in questions),
        capture_output=True, text=True, check=True)
    return [[int(word) for word in line.split()] for line in said.stdout.splitlines()]


class ZoneChanges(unittest.TestCase):
    maxDiff = None

    def compare(self, clock, crons, spans):
        questions, expected = [], []
        for after, until in spans:
            for text, cron in crons.items():
                for policy, fires in clock.fires(cron, after, until).items():
                    questions.append(("fire", clock.name, policy, after, until, text))
                    expected.append(fires)
        for question, said, wanted in zip(questions, ask(questions), expected,
                                          strict=True):
            self.assertEqual(said, wanted, question)

    def test_around_each_change(self):
        for name in ZONES:
            clock = Clock(name)
            found = list(clock.changes())
            self.assertGreater(len(found), 30, name)
            self.compare(clock, {text: Cron(text) for text in CRONS},
                         [(at - SPAN, at + SPAN) for at in found])

    def test_years_on_end(self):
        crons = {text: Cron(text) for text in CRONS if not Cron(text).running}
        for name, year in YEARS:
            begin = int(dt.datetime(year, 1, 1, tzinfo=UTC).timestamp())
            self.compare(Clock(name), crons, [(begin, begin + 366 * DAY)])

    def test_offsets_of_all_zones(self):
        draw = random.Random(1)
        first, last = 0, int(dt.datetime(2200, 1, 1, tzinfo=UTC).timestamp())
        names = sorted(zoneinfo.available_timezones() - {"localtime", "posixrules"})
        self.assertGreater(len(names), 300)
        questions = [("offset", name, draw.randrange(first, last))
                     for name in names for _ in range(40)]
        for question, said in zip(questions, ask(questions), strict=True):
            wanted = Clock(question[1]).offset(question[2])
            self.assertEqual(said, [int(wanted.total_seconds())], question)


if __name__ == "__main__":
    unittest.main()
