"""The whole story, step by step, from wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.story import case_steps, closing_steps, opening_steps
from deploy.story.calendar import Days
from deploy.story.desks import Errand
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
    with progress.timed("sample", "样例数据 · sample workbooks"):
        books = rosters(progress.arguments, home)
    counties = list(books)
    with progress.timed("onboard", "一、开通全省各级工会 · onboarding"):
        opening_steps.onboard(progress, days)
        accounts = opening_steps.staff(days, counties, password)
    if not progress.done("finished"):
        with progress.desks:
            _play(progress, days, [Errand(code, book, days, progress.arguments.households) for code, book in books.items()])
        progress.mark("finished")
    progress.let_the_date_go()
    return closing_steps.summary(progress, days, counties), accounts, password


def _play(progress: Progress, days: Days, errands: list[Errand]) -> None:
    each = progress.each
    with progress.timed("import", "二、资金到账与档案导入 · money and rosters"):
        each("money", days.money, opening_steps.take_in_money, errands, "到账 {fen}")
        each(
            "roster",
            days.rosters,
            opening_steps.take_in_roster,
            errands,
            "{households} 户 {persons} 人，退回 {held_back} 户",
        )
        progress.take_stock()
    with progress.timed("survey", "三、年度调查认定 · survey"):
        opening_steps.survey(progress, days, [errand.county for errand in errands])
    with progress.timed("cases", "四、生活救助：受理、核实、公示、审批 · cases"):
        each("open", days.opening, case_steps.open_all, errands, "受理 {cases} 件")
        each("verify", days.verifying, case_steps.verify_all, errands, "核实 {cases} 件")
        each("notice", days.notice, case_steps.notice_all, errands, "公示 {cases} 件，至 {ends_on}")
        each("approve", days.approval, case_steps.approve_all, errands, "批准 {cases} 件")
    with progress.timed("payment", "五、发放 · payment"):
        each("pay1", days.paying, case_steps.pay_first, errands, "第 1 批送银行 {fen}")
        each("return1", days.returning, case_steps.take_first_return, errands, "第 1 批退回 {failed} 笔")
        each("pay2", days.returning, case_steps.pay_again, errands, "第 2 批送银行 {fen}")
        each("return2", days.second_return, case_steps.take_second_return, errands, "第 2 批退回 {failed} 笔")
        each("aftermath", days.aftermath, closing_steps.aftermath, errands, "事后撤回、更正、新增 {events} 项")
        progress.take_stock()
    with progress.timed("audit", "六、全省年度审计 · audit"):
        closing_steps.audit(progress, days)
    with progress.timed("announcement", "七、年度公告 · announcement"):
        each("announce", days.announcement, closing_steps.announce, errands, "公告 {announcements} 份")
