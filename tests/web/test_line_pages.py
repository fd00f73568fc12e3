"""Pages of the built-in lines that show what the tenant has set: reception of visitors, panel of lawyers."""

from __future__ import annotations

from core.db.session import unit_of_work
from core.tenancy.models import TenantPlugin
from tests.conftest import COUNTY, Database
from tests.core.lines import LINES, Acting, install
from tests.plugins.test_line_settings import configure
from tests.web.conftest import Desk


def test_the_pages_show_what_is_set(db: Database, acting: Acting, person: Desk) -> None:
    install(db)
    with acting(COUNTY), unit_of_work() as session:
        session.add_all(TenantPlugin(plugin=line, enabled=True) for line in sorted(LINES))
    configure(acting, "petitions", place="三楼接访室", notice="请携带身份证\n文明有序", departments=["劳动保护部：工伤，028-1"])
    configure(acting, "legal_aid", lawyers=["郑律"])
    clerk = person("li")
    page = clerk.client.get(f"/{COUNTY}/petitions/reception").text
    assert all(text in page for text in ("三楼接访室", "请携带身份证", "文明有序", "劳动保护部", "工作日 9:00"))
    assert "郑律" in clerk.client.get(f"/{COUNTY}/legal_aid/panel").text
    assert f"/{COUNTY}/petitions/reception" in clerk.client.get(f"/{COUNTY}/").text
