"""`update --finance` asks the plugin that processes finance data which job type does the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from clerk.plugin.loader import forget_plugins
from clerk.sites.finance import finance_job_types
from devtools.plugin_files import write_plugin

PLUGIN = """
from clerk import hookimpl


def money(subdomain, run_id):
    pass


class Processor:
    {declared}


class Treasury:
    @hookimpl
    def register_job_types(self):
        return {{"treasury-all": money, "treasury-load": money}}

    @hookimpl
    def get_data_processors(self, data_type):
        return Processor if data_type == "finance" else None
"""


@pytest.mark.parametrize(
    ("declared", "first"), [("pass", "treasury-all"), ('job_type = "treasury-load"', "treasury-load")]
)
def test_the_processor_names_its_job_type_else_it_is_the_plugin_s_first(declared: str, first: str) -> None:
    write_plugin(Path("plugins/treasury.py"), PLUGIN.format(declared=declared))
    forget_plugins()
    found = finance_job_types()
    assert found[0] == first
    assert {"treasury-all", "treasury-load", "finance-etl"} <= set(found)
