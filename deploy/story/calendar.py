"""The days of the sample's year. A closed year, played by moving the business date through it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Days:
    """Business dates of the story's steps in ``year``; the notice's end and what follows depend on its working days."""

    year: int

    @property
    def onboarding(self) -> date:
        """The year's first working day."""
        return date(self.year, 1, 2)

    @property
    def money(self) -> date:
        """When the year's money comes in."""
        return date(self.year, 2, 10)

    @property
    def rosters(self) -> date:
        """When the rosters are imported."""
        return date(self.year, 8, 28)

    @property
    def survey(self) -> date:
        """The decision day of the survey."""
        return date(self.year, 9, 1)

    @property
    def opening(self) -> date:
        """When cases are opened and their papers taken in."""
        return date(self.year, 9, 2)

    @property
    def verifying(self) -> date:
        """When cases are verified."""
        return date(self.year, 9, 4)

    @property
    def notice(self) -> date:
        """When the public notice is posted."""
        return date(self.year, 9, 5)

    @property
    def approval(self) -> date:
        """When cases are approved: after the longest notice of the sample is over."""
        return date(self.year, 9, 22)

    @property
    def paying(self) -> date:
        """When the first batch is prepared, approved and sent."""
        return date(self.year, 9, 24)

    @property
    def returning(self) -> date:
        """When the bank's return of the first batch is taken in and what failed is sent again."""
        return date(self.year, 9, 26)

    @property
    def second_return(self) -> date:
        """When the bank's return of the second batch is taken in."""
        return date(self.year, 9, 29)

    @property
    def aftermath(self) -> date:
        """When what was found later is recorded: withdrawn papers, corrected incomes, new members."""
        return date(self.year, 11, 20)

    @property
    def audit(self) -> date:
        """When the annual audit runs."""
        return date(self.year, 12, 25)

    @property
    def announcement(self) -> date:
        """When the annual announcement is published."""
        return date(self.year, 12, 31)
