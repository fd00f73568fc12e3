"""How tables and columns are called in what a person is given: Chinese, where the platform has words for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table

from core.db.base import Base

_CHINESE: Final = re.compile(r"[（(]([\u4e00-\u9fff][\u4e00-\u9fff、，]*)[，,;:；：）)]")
_TITLES: Final[Mapping[str, str]] = {
    "person": "本人信息",
    "household": "家庭",
    "membership": "家庭成员关系",
    "worker_file": "档案",
    "person_fact": "收入和身份状况",
    "household_fact": "家庭收支和财产",
    "determination": "困难认定",
    "case_record": "办理事项",
    "case_step": "办理过程",
    "case_decision": "审批决定",
    "party": "当事人",
    "deadline": "办理期限",
    "document": "证明材料",
    "relief_grant": "救助决定",
    "instalment": "分期发放",
    "payment_attempt": "发放记录",
    "ledger_entry": "资金分录",
    "read_log": "查阅记录",
    "trail_entry": "操作留痕",
    "rights_request": "个人信息权利请求",
    "notice_item": "公示",
    "search_token": "查找索引",
}
COLUMNS: Final[Mapping[str, str]] = {
    "id": "编号",
    "name": "姓名",
    "pinyin": "拼音",
    "spelling": "查找用全拼",
    "sounds": "查找用读音",
    "initials": "查找用首字母",
    "given_name": "查找用名",
    "last_four": "证件号后四位",
    "phone_last_four": "电话后四位",
    "gender": "性别代码",
    "birth_date": "出生日期",
    "ethnic_group": "民族",
    "political_status": "政治面貌",
    "marital_status": "婚姻状况",
    "identity_cipher": "身份证号",
    "phone_cipher": "电话",
    "account_cipher": "银行账号",
    "house_number_cipher": "门牌号",
    "former_name_cipher": "原姓名",
    "former_identity_cipher": "原身份证号",
    "form_cipher": "登记内容",
    "address": "住址",
    "postcode": "邮政编码",
    "relation": "与户主关系",
    "present": "是否在户",
    "valid_from": "起始日期",
    "recorded_at": "登记时间",
    "file_number": "档案编号",
    "status": "状态",
    "state": "状态",
    "kind": "种类",
    "opened_on": "建档或受理日期",
    "updated_on": "更新日期",
    "closed_on": "办结日期",
    "employer_name": "工作单位",
    "bank_name": "开户银行",
    "bank_branch": "开户网点",
    "former_bank_name": "原开户银行",
    "former_bank_branch": "原开户网点",
    "former_account_cipher": "原银行账号",
    "township": "乡镇（街道）",
    "opinions": "工会意见",
    "remark": "备注",
    "number": "编号（公开）",
    "plugin": "业务",
    "programme": "救助项目",
    "form": "登记内容",
    "note": "意见",
    "reason": "理由",
    "answer": "答复",
    "amount_fen": "金额（分）",
    "monthly_income_fen": "月收入（分）",
    "other_yearly_income_fen": "家庭其他年收入（分）",
    "business_date": "业务日期",
    "decided_on": "决定日期",
    "approved_on": "审批日期",
    "at": "时间",
    "actor": "办理人",
    "clerk": "经办人",
    "title": "名称",
    "media_type": "文件类型",
    "size": "大小（字节）",
    "received_on": "收件日期",
    "received_by": "接收人",
    "what": "查阅内容",
    "permission": "依据权限",
    "action": "事项",
    "eligible": "是否符合",
    "reasons": "认定理由",
    "amounts": "认定金额",
    "inputs": "认定依据",
    "year": "年度",
    "source": "来源",
    "purpose": "用途",
    "occurrence": "发生周期",
}


def table_title(table: Table) -> str:
    """The Chinese name of a table: the platform's word, else what its docstring says in brackets, else its name."""
    if table.schema is None and table.name in _TITLES:
        return _TITLES[table.name]
    for mapper in Base.registry.mappers:
        if mapper.local_table is table and (found := _CHINESE.search(mapper.class_.__doc__ or "")):
            return found[1]
    return table.name


def column_title(name: str) -> str:
    """The Chinese name of a column; its own name where there is none."""
    return COLUMNS.get(name, name)
