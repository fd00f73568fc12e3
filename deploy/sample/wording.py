"""What an office writes into the form besides names and figures; every firm, town and bank is invented."""

from deploy.sample.chance import Stream

_TOWNS = (
    "青禾镇",
    "白鹭湾街道",
    "石桥坝镇",
    "锦云街道",
    "龙泉井镇",
    "柑子坪乡",
    "红岩子镇",
    "望江楼社区街道",
    "双凤场镇",
    "桂花园街道",
)
_ROADS = (
    "春熙里",
    "工农路",
    "建设北街",
    "丝厂巷",
    "纺织路",
    "铁路新村",
    "滨江路",
    "三线大道",
    "盐市街",
    "梨花巷",
    "机修厂宿舍",
)
_VILLAGES = ("桃花村", "高坎村", "三元村", "马家沟村", "柏树坡村", "金银湾村")
_FIRM_NAMES = ("川岭", "蜀禾", "锦穗", "巴渠", "岷源", "涪星", "嘉丝", "青衣", "天府样", "剑云", "峨岚", "沱阳")
_FIRM_TRADES = (
    ("机械制造有限公司", "制造业"),
    ("丝绸厂", "制造业"),
    ("纺织有限责任公司", "制造业"),
    ("建筑劳务有限公司", "建筑业"),
    ("公共交通公司", "交通运输、仓储和邮政业"),
    ("百货商店", "批发和零售业"),
    ("餐饮服务部", "住宿和餐饮业"),
    ("煤矿", "采矿业"),
    ("水电站", "电力、热力、燃气及水生产和供应业"),
    ("环卫所", "水利、环境和公共设施管理业"),
    ("家政服务公司", "居民服务、修理和其他服务业"),
    ("镇小学", "教育"),
    ("镇卫生院", "卫生和社会工作"),
)
_SCHOOLS = {
    "小学": ("青禾镇中心小学", "桂花园小学"),
    "初中": ("石桥坝初级中学", "红岩子中学"),
    "高中": ("锦云高级中学", "望江中学"),
    "中职中技": ("岷源职业技术学校", "蜀禾技工学校"),
    "大学生": ("蜀样理工学院", "巴蜀样师范大学", "嘉丝职业技术学院"),
    "研究生": ("蜀样理工学院研究生院", "巴蜀样师范大学研究生院"),
}
_BANKS = ("川样农村商业银行", "蜀禾银行", "天府样储蓄银行")
_STAFF = ("向明", "蒲晓", "苟建华", "敬雪", "税国强", "何晓单", "勾容", "昝平")


def firm(chance: Stream, town: str) -> tuple[str, str]:
    """An invented employer (工作单位) and its industry (所属行业)."""
    trade, industry = chance.choice(_FIRM_TRADES)
    return f"{town}{chance.choice(_FIRM_NAMES)}{trade}", industry


def school(chance: Stream, standing: str) -> str:
    """An invented school for a stage of schooling, empty where the person studies nowhere."""
    choices = _SCHOOLS.get(standing)
    return chance.choice(choices) if choices else ""


def address(chance: Stream, place: str) -> str:
    """住址: full administrative names, then an invented town and street or village group."""
    town = chance.choice(_TOWNS)
    if chance.happens(30):
        return f"{place}{town}{chance.choice(_VILLAGES)}{chance.randint(1, 12)}组{chance.randint(1, 90)}号"
    road, house, block = chance.choice(_ROADS), chance.randint(1, 320), chance.randint(1, 18)
    flat = f"{chance.randint(1, 4)}单元{chance.randint(1, 7)}0{chance.randint(1, 4)}"
    return f"{place}{town}{road}{house}号{block}栋{flat}"


def bank(chance: Stream, county: str) -> tuple[str, str]:
    """开户银行 and 支行名称."""
    return chance.choice(_BANKS), f"{county}{chance.choice(_ROADS)}支行"


def staff(chance: Stream) -> tuple[str, str, str]:
    """建档人, 审核人, 录入人: three different people."""
    first, second, third = chance.sample(_STAFF, 3)
    return first, second, third
