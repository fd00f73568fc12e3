"""Working days by the published notices, and what happens beyond them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import Due, WorkingCalendar, add_calendar_days, business_today
from core.errors import InvalidInput

CALENDAR = WorkingCalendar()
KNOWN_DAYS = st.dates(date(2020, 1, 1), date(2026, 6, 30))
ANY_DAY = st.dates(date(2004, 1, 1), date(2029, 12, 31))
COUNTS = st.integers(0, 60)

MAKE_UP = [
    date(2024, 2, 4), date(2024, 2, 18), date(2024, 4, 7), date(2024, 4, 28), date(2024, 5, 11), date(2024, 9, 14),
    date(2024, 9, 29), date(2024, 10, 12), date(2025, 1, 26), date(2025, 2, 8), date(2025, 4, 27), date(2025, 9, 28),
    date(2025, 10, 11), date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20),
    date(2026, 10, 10),
]  # fmt: skip


@pytest.mark.parametrize("day", MAKE_UP, ids=str)
def test_make_up_workdays_are_worked(day: date) -> None:
    assert day.weekday() >= 5
    assert CALENDAR.is_working(day)


@pytest.mark.parametrize(
    "day", [date(2024, 2, 12), date(2024, 10, 1), date(2025, 1, 28), date(2026, 2, 17), date(2026, 10, 7)], ids=str
)
def test_holidays_on_weekdays_are_free(day: date) -> None:
    assert day.weekday() < 5
    assert not CALENDAR.is_working(day)


def test_a_notice_period_of_five_working_days_over_the_national_day() -> None:
    # 2026-09-30 is a Wednesday; free 1-7 October, Saturday 10 October is worked.
    assert CALENDAR.add_working_days(date(2026, 9, 30), 5) == Due(date(2026, 10, 13), provisional=False)


@given(ANY_DAY)
def test_no_days_is_the_day_itself(start: date) -> None:
    assert CALENDAR.add_working_days(start, 0) == Due(start, provisional=False)


@given(ANY_DAY, st.integers(1, 60))
def test_it_ends_on_a_working_day_and_counts_back(start: date, n: int) -> None:
    due = CALENDAR.add_working_days(start, n)
    assert CALENDAR.is_working(due.on)
    passed = [start + timedelta(days=number) for number in range(1, (due.on - start).days + 1)]
    assert sum(CALENDAR.is_working(day) for day in passed) == n


@given(ANY_DAY, COUNTS)
def test_one_more_day_is_later(start: date, n: int) -> None:
    assert CALENDAR.add_working_days(start, n).on < CALENDAR.add_working_days(start, n + 1).on


@given(ANY_DAY, st.integers(1, 30), COUNTS)
def test_a_later_start_never_ends_earlier(start: date, later: int, n: int) -> None:
    after = start + timedelta(days=later)
    assert CALENDAR.add_working_days(start, n).on <= CALENDAR.add_working_days(after, n).on


@given(KNOWN_DAYS, COUNTS)
def test_periods_inside_published_years_are_settled(start: date, n: int) -> None:
    assert not CALENDAR.add_working_days(start, n).provisional


def test_an_unpublished_year_counts_monday_to_friday_and_is_provisional() -> None:
    assert CALENDAR.add_working_days(date(2026, 12, 25), 10) == Due(date(2027, 1, 8), provisional=True)
    assert CALENDAR.is_working(date(2028, 10, 2))
    assert CALENDAR.add_working_days(date(2028, 5, 1), 1).provisional


def test_the_last_days_of_the_last_published_year_wait_for_the_next_notice() -> None:
    assert not CALENDAR.add_working_days(date(2026, 12, 24), 1).provisional
    assert CALENDAR.add_working_days(date(2026, 12, 24), 2) == Due(date(2026, 12, 28), provisional=True)
    assert not CALENDAR.add_working_days(date(2025, 12, 26), 3).provisional


def test_a_year_entered_later_settles_it() -> None:
    notice = {date(2026, 12, 31): False, date(2027, 1, 1): False, date(2027, 1, 3): True}
    calendar = WorkingCalendar({2027: notice})
    # Worked: Mon 28 to Wed 30 December, then Sunday 3 January as the make-up day.
    assert calendar.add_working_days(date(2026, 12, 25), 4) == Due(date(2027, 1, 3), provisional=False)
    assert calendar.is_working(date(2026, 10, 10))


def test_a_year_entered_replaces_the_built_in_one() -> None:
    calendar = WorkingCalendar({2026: {date(2026, 3, 2): False}})
    assert not calendar.is_working(date(2026, 3, 2))
    assert calendar.is_working(date(2026, 10, 1))


@pytest.mark.parametrize("day", [date(2028, 1, 1), date(2026, 11, 30)])
def test_a_notice_with_days_of_another_year_is_refused(day: date) -> None:
    with pytest.raises(InvalidInput, match="2027"):
        WorkingCalendar({2027: {day: False}})


def test_calendar_days_count_every_day() -> None:
    assert add_calendar_days(date(2026, 9, 30), 15) == date(2026, 10, 15)
    assert add_calendar_days(date(2024, 2, 28), 1) == date(2024, 2, 29)


def test_a_negative_number_of_days_is_refused() -> None:
    with pytest.raises(InvalidInput):
        CALENDAR.add_working_days(date(2026, 3, 4), -1)
    with pytest.raises(InvalidInput):
        add_calendar_days(date(2026, 3, 4), -1)


def test_the_business_date_turns_at_midnight_in_china() -> None:
    assert business_today(datetime(2026, 3, 4, 15, 59, 59, tzinfo=UTC)) == date(2026, 3, 4)
    assert business_today(datetime(2026, 3, 4, 16, 0, tzinfo=UTC)) == date(2026, 3, 5)
    with pytest.raises(ValueError, match="time zone"):
        business_today(datetime(2026, 3, 4, 12, 0, tzinfo=UTC).replace(tzinfo=None))
