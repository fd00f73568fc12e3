"""What the template tests share: the gallery of all macros and the context it is shown in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from core.web.charts import FlowState
from core.web.pages.entry_forms import Field, Group
from core.web.render import Message, NavItem, PageContext, render, render_public, shared_environment

HERE = Path(__file__).parent
INSTANT = datetime(2026, 11, 25, 1, 12, tzinfo=UTC)
FLOW = (
    FlowState("registered", "登记", "done", "10-19 周敏"),
    FlowState("screened", "甄别", "done", "10-20 林晓峰"),
    FlowState("accepted", "受理告知", "done", "10-27 书面"),
    FlowState("enquiry", "调查核实", "now", "第 29 天"),
    FlowState("opinion", "处理意见书", "next", "郑志华 签发"),
    FlowState("served", "送达"),
    FlowState("archived", "归档"),
    FlowState("refused", "不予受理", "off", "说明理由", branch=True),
    FlowState("helped", "协查：县人社局", "wait", "11-20 发出 · 待签收", branch=True),
    FlowState("reviewed", "复查", "off", "30 日内申请", branch=True),
    FlowState("rereviewed", "复核", "off", "30 日内申请", branch=True),
)
TRANSITIONS = (
    ("registered", "screened"),
    ("screened", "accepted"),
    ("accepted", "enquiry"),
    ("enquiry", "opinion"),
    ("opinion", "served"),
    ("served", "archived"),
    ("screened", "refused"),
    ("enquiry", "helped"),
    ("served", "reviewed"),
    ("reviewed", "rereviewed"),
)
WHY_ROWS = (
    {
        "cells": [
            ("月人均可支配", "（年收入 − 刚性支出） ÷ 12 ÷ 人口"),
            ("159.94 元", ""),
            ("< 780 元", "县城低保标准"),
            ("明府发〔2026〕18号", ""),
        ],
        "result": "满足",
        "tone": "ok",
        "icon": "check",
    },
    {
        "cells": [("刚性支出", ""), ("14,042.00 元", ""), ("两类计入", ""), ("市总工发〔2024〕61号", "")],
        "result": "计入",
        "tone": "",
        "icon": None,
    },
)


ENTRY = Group(
    "家庭支出",
    [
        Field("e-cost", "因病刚性支出", "money", "3200", was="2,800 元"),
        Field("e-since", "起始日期", "date", "2026-01-20", required=True),
        Field("e-able", "有劳动能力", "yes_no", "no", (("yes", "是"), ("no", "否"))),
        Field("e-property", "财产情形", "codes", "car", (("car", "机动车"), ("shop", "商铺"))),
    ],
    "按核实的情况填写。",
)


def page_context() -> PageContext:
    """A county officer's page with everything switched on."""
    return PageContext(
        tenant="510899",
        tenant_name="明远县总工会",
        centre_name="困难职工援助中心",
        user_name="周敏",
        user_role="经办人 · 2 号窗",
        navigation=(
            NavItem("今天要办", "/510899/", "home", 5, current=True, hot=True),
            NavItem("职工档案", "/510899/households", "folders", 1072),
            NavItem("公示公告", "/510899/notices", "speakerphone", 2, group="公开与调查"),
            NavItem("外来插件", "/510899/other", "no-such-icon", group="公开与调查"),
        ),
        csrf_token="token-1",
        business_date=date(2026, 11, 25),
        demo=True,
        messages=(Message("已保存为 v8"), Message("<b>未转义</b>", "bad", "/510899/jobs/1", "查看任务")),
        data_time=INSTANT,
        version="0.1.0",
        language_url="?lang=en",
        large_type_url="?type=large",
    )


def gallery_page() -> str:
    """The page that shows every macro."""
    shared_environment().mount("tests", HERE)
    return render(
        page_context(),
        "tests/gallery.html",
        flow_states=FLOW,
        flow_transitions=TRANSITIONS,
        why_rows=WHY_ROWS,
        instant=INSTANT,
        entry=ENTRY,
        entry_alone=Field("e-remark", "备注", "long_text", "", most=500),
    )


def announcement_page() -> str:
    """A public page."""
    shared_environment().mount("tests", HERE)
    return render_public(
        "zh-Hans",
        "tests/announcement.html",
        tenant_name="明远县总工会",
        centre_name="困难职工援助中心",
        demo=True,
        large_type=False,
        large_type_url="?type=large",
        language_url="?lang=en",
        published=date(2026, 1, 20),
    )
