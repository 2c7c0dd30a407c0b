"""A pgbouncer in transaction mode, in front of a PostgreSQL server of a test."""

from __future__ import annotations

from pathlib import Path

from devtools.services import HOST, PostgresServer, Server, postgres_answers


class Pooler(Server):
    """A pgbouncer that has a few server connections for any number of clients."""

    #: How many connections it has to the server at most.
    CONNECTIONS = 20

    def __init__(self, program: Path, folder: Path, *, server: PostgresServer) -> None:
        self._server = server
        super().__init__(program, folder)

    @property
    def url(self) -> str:  # type: ignore[override]
        """The address of the maintenance database, through the pooler."""
        return f"postgresql+psycopg://clerk@{HOST}:{self.port}/postgres"

    def command(self, program: Path) -> list[str | Path]:
        """Return the command line that runs the pooler in the foreground."""
        (self.folder / "users").write_text('"clerk" ""\n')
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={HOST} port={self._server.port}\n"
            f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {self.folder / 'users'}\n"
            f"pool_mode = transaction\ndefault_pool_size = {self.CONNECTIONS}\nmax_client_conn = 1000\n"
            "ignore_startup_parameters = options\n"
        )
        return [*PostgresServer.as_user(), program, settings]

    def answers(self) -> bool:
        """Whether the pooler serves clients right now."""
        return postgres_answers(self.port)
