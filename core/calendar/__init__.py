"""Working days (工作日) and calendar days (自然日) of deadlines."""

from core.calendar.working_days import Due, WorkingCalendar, add_calendar_days, business_today

__all__ = ["Due", "WorkingCalendar", "add_calendar_days", "business_today"]
