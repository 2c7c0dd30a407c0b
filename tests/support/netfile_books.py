"""The writer of workbooks, which is in devtools."""

from devtools.netfile_books import Gift, Payment, Report, Rows, Year, cover, rows_of, workbook, zipped

__all__ = ["Gift", "Payment", "Report", "Rows", "Year", "cover", "rows_of", "workbook", "zipped"]
