"""The whole story, step by step, from wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.story import case_steps, closing_steps, opening_steps
from deploy.story.calendar import Days
from deploy.story.ledger import Progress
from deploy.story.sample_files import rosters
from deploy.story.staff import DemoAccount


def tell(progress: Progress, home: Path) -> tuple[dict[str, Any], list[DemoAccount], str]:
    """Play the sample's year to its end and return the summary, the demonstration accounts and their password.

    Each step is kept by year and county: what is done is passed over, and a killed run is gone on with.
    """
    progress.require_same_arguments()
    days = Days(progress.arguments.year)
    password = opening_steps.demo_password(home)
    finished = progress.done("finished")
    with progress.timed("sample", "样例数据 · sample workbooks"):
        books = rosters(progress.arguments, home)
    counties = list(books)
    with progress.timed("onboard", "一、开通全省各级工会 · onboarding"):
        opening_steps.onboard(progress, days)
        accounts = opening_steps.staff(days, counties, password)
    if not finished:
        with progress.timed("import", "二、资金到账与档案导入 · money and rosters"):
            opening_steps.take_in_money(progress, days, counties)
            opening_steps.take_in_rosters(progress, days, books)
            progress.take_stock()
        with progress.timed("survey", "三、年度调查认定 · survey"):
            opening_steps.survey(progress, days, counties)
        with progress.timed("cases", "四、生活救助：受理、核实、公示、审批 · cases"):
            case_steps.open_all(progress, days, counties)
            case_steps.verify_all(progress, days, counties)
            case_steps.notice_all(progress, days, counties)
            case_steps.approve_all(progress, days, counties)
        with progress.timed("payment", "五、发放 · payment"):
            case_steps.pay_all(progress, days, books)
            closing_steps.aftermath(progress, days, books)
            progress.take_stock()
        with progress.timed("audit", "六、全省年度审计 · audit"):
            closing_steps.audit(progress, days)
        with progress.timed("announcement", "七、年度公告 · announcement"):
            closing_steps.announce(progress, days, counties)
        progress.mark("finished")
    progress.let_the_date_go()
    return closing_steps.summary(progress, days, counties), accounts, password
