"""What the rules of living relief read of a household and its members (认定依据项, domain 10, 11)."""

from __future__ import annotations

from core.rules.declarations import Column

COSTS = {
    "illness": "因病刚性支出",
    "disability": "因残刚性支出",
    "schooling": "因学刚性支出",
    "housing": "住房刚性支出",
    "long_term_care": "长期照料费用",
    "work_cost": "必要就业成本",
    "other": "其他刚性支出",
}

COLUMNS = (
    Column("worker_id", "困难职工", "worker", "household", "id", "worker_id"),
    Column(
        "model_worker_rank",
        "劳模类型",
        "rank of model worker",
        "household",
        "code",
        "model_worker_rank",
        code_list="model_worker_rank",
    ),
    Column("other_yearly_income", "家庭其他年收入", "other yearly income", "household", "fen", "other_yearly_income_fen"),
    *(
        Column(f"cost_{kind}", zh, f"yearly cost: {kind}", "household", "fen", "costs", kind, clause="domain 10")
        for kind, zh in COSTS.items()
    ),
    Column(
        "property_flags",
        "财产情形",
        "property",
        "household",
        "codes",
        "property_flags",
        code_list="property_exclusion",
        clause="domain 10",
    ),
    Column("loss", "意外损失", "loss of the year", "household", "fen", "loss_fen", clause="domain 10"),
    Column("compensation", "已获赔偿补偿", "compensation", "household", "fen", "compensation_fen", clause="domain 10"),
    Column("person_id", "成员", "member", "person", "id", "person_id"),
    Column("relation", "与户主关系", "relation", "person", "code", "relation", code_list="relationship_form"),
    Column("gender", "性别", "gender", "person", "code", "gender"),
    Column("birth_date", "出生日期", "date of birth", "person", "date", "birth_date"),
    Column("monthly_income", "月收入", "monthly income", "person", "fen", "monthly_income_fen"),
    Column("residents_pension", "其中居民养老金", "of which residents' pension", "person", "fen", "residents_pension_fen"),
    Column("identity_status", "身份（工作状态）", "standing", "person", "code", "identity_status", code_list="identity_status"),
    Column("able_to_work", "有劳动能力", "able to work", "person", "flag", "able_to_work"),
    Column("aided_elsewhere", "已获其他助学", "other schooling aid", "person", "flag", "aided_elsewhere"),
    Column("known", "情况已登记", "facts stated", "person", "flag", "known"),
)
