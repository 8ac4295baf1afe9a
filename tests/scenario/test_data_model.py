"""docs/data-model.md names every table, trigger and function of the database, and no others."""

import re

from harness.servers import ROOT

PAGE = ROOT / "docs/data-model.md"


def sections():
    """Returns the names in the first column of the tables, by the heading of the second level above them."""
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    columns = {title: re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE) for title, part in zip(parts[1::2], parts[2::2])}
    return {title: sorted(name for column in found for name in re.findall(r"`(\w+)`", column))
            for title, found in columns.items()}


def test_the_page_of_the_data_model_names_each_table_trigger_and_function(stack):
    stack.orchestrator()
    own = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
    queries = {
        "Tables": f"SELECT relname AS name FROM pg_class o WHERE relkind IN ('r', 'p') AND NOT relispartition "
                  f"AND relnamespace = 'public'::regnamespace AND {own}",
        "Triggers": "SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal",
        "Functions": f"SELECT DISTINCT proname AS name FROM pg_proc o WHERE pronamespace = 'public'::regnamespace AND {own}",
    }
    on_page = sections()
    for title, query in queries.items():
        assert on_page[title] == sorted(row["name"] for row in stack.database.rows(query)), title
