"""What all emulators share: time, chance, the call log, faults, outgoing mail and messages, and callbacks.

Nothing here knows the hub. The sandbox is the other side of the wire, and must not share a mistake with it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from sandbox.codec import TRANSIENT, StateCodec
from sandbox.storage import DelayedSaver, StateStorage
from sandbox.tables import TrackedLog, TrackedTable

S = TypeVar("S")
MAX_MAILS = 2000
"""Mails that the mailbox remembers."""


@dataclass(frozen=True, slots=True)
class KiwiRules:
    """What Kiwi's save_booking insists on.

    Only comments in public wrappers say so, hence each rule can be relaxed here. The defaults are the strict reading.
    """

    contact_email: str | None = "deposit@agency.example"
    """The e-mail address of the deposit account, which an adult passenger must have; None allows any."""
    contact_phone: str = "+442079460018"
    """What the agency gives as its telephone number; the emulator does not compare it."""
    bags_for_everybody: bool = True
    """One hold_bag and one hand_bag combination for every passenger, also for none."""
    latin_names: bool = True
    document_need: int = 1
    """0 none, 1 optional, 2 needed with the booking."""
    adult_threshold: int = 16
    """The age in years from which somebody may travel alone."""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """`callback_base` is where the hub listens: webhooks go to `{callback_base}/webhooks/{provider}`.

    The secrets sign what the sandbox sends, and are the hub's sandbox secrets, not anybody's real ones.
    """

    callback_base: str
    public_base: str = "http://127.0.0.1:8081"
    seed: int = 1
    kiwi_webhook_token: str = "sandbox-kiwi-token"  # noqa: S105
    kiwi_rules: KiwiRules = KiwiRules()
    stripe_secret_key: str = "sk_test_sandbox"  # noqa: S105
    stripe_publishable_key: str = "pk_test_sandbox"
    stripe_webhook_secret: str = "whsec_sandboxsandboxsandboxsandbox"  # noqa: S105
    resend_api_key: str = "re_sandbox"
    resend_webhook_secret: str = "whsec_c2FuZGJveHNhbmRib3hzYW5kYm94"  # noqa: S105
    twilio_account_sid: str = "AC5a4db0c5a4db0c5a4db0c5a4db0c5a4d"
    twilio_auth_token: str = "sandboxsandboxsandboxsandbox0000"  # noqa: S105
    twilio_api_key_sid: str = "SK5a4db0c5a4db0c5a4db0c5a4db0c5a4d"
    twilio_api_key_secret: str = "sandboxsandboxsandboxsandbox0001"  # noqa: S105
    supabase_anon_key: str = "sb_publishable_sandbox"
    supabase_service_key: str = "sb_secret_sandbox"
    supabase_jwt_secret: str = "sandbox-super-secret-jwt-token-with-at-least-32-characters"  # noqa: S105
    supabase_webhook_secret: str = "v1,whsec_c3VwYWJhc2VzdXBhYmFzZXN1cGFiYXNl"  # noqa: S105
    supabase_hub_templates: bool = False
    """Whether the project's mails link to the hub's pages, as a project is set up for a hub (see supabase/mails.py)."""
    oidc_client_id: str = "travel-hub"
    oidc_client_secret: str = "sandbox-oidc-secret"  # noqa: S105
    paypal_client_id: str = "AsandboxClient"
    paypal_client_secret: str = "EsandboxSecret"  # noqa: S105
    paypal_webhook_id: str = "1SB00000000000000"
    paypal_authority: str = "sandbox-paypal-authority"
    """What the keys are made of that vouch for PayPal's certificate (see paypal/authority.py)."""
    captcha_secret: str = "1x0000000000000000000000000000000AA"  # noqa: S105
    callback_delay: float = 0.05
    """Seconds between an effect and its webhook."""
    callback_retry: tuple[float, ...] = (0.5, 1, 2, 4, 8, 15, 30, 60, 60, 60)
    """Seconds between attempts: the providers' schedules, sped up."""
    storage: Path | None = None
    """The file that keeps the state over a restart (see storage.py); None keeps it in memory."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One webhook to deliver until it is acknowledged (any 2xx). `message_id` is the provider's id of the message.

    `headers` are the same in each attempt; those that sign it are made anew by the emulator.
    """

    provider: str
    url: str
    body: bytes
    label: str
    message_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timer:
    """An action of an emulator that is due at a time. The arguments are plain values: they outlive the process."""

    due_at: datetime
    emulator: str
    action: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Emulator:
    """What the sandbox has to know of an emulator to keep its state, run its timers and sign its webhooks."""

    name: str
    create_state: Callable[["SandboxState"], Any]
    """The state of the first day: a data class of fields that can be stored (see codec.py)."""
    stored_types: tuple[type, ...] = ()
    """The data classes that its state holds."""
    actions: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    """What its timers call: `action(world, *arguments)`."""
    sign_callback: Callable[["SandboxState", Callback, datetime], dict[str, str]] = lambda _world, _callback, _at: {}
    acknowledge_callback: Callable[["SandboxState", Callback], None] = lambda _world, _callback: None
    """Called once the hub has taken a callback, for emulators that report what was delivered."""
    restore_state: Callable[["SandboxState", Any], None] = lambda _world, _state: None
    """Completes a state that was loaded: what was one object in two places is one again."""


@dataclass(slots=True)
class SandboxState:
    """All state of a sandbox. `POST /_/reset` empties it."""

    config: SandboxConfig = field(metadata=TRANSIENT)
    send_callback: Callable[[Callback], None] = field(default=lambda _: None, metadata=TRANSIENT)
    """Hands a callback to the deliverer (see callbacks.py); returns at once."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), metadata=TRANSIENT)
    random: Random = field(default_factory=Random, metadata=TRANSIENT)
    calls: list[dict[str, Any]] = field(default_factory=list, metadata=TRANSIENT)
    faults: list[dict[str, Any]] = field(default_factory=list)
    mailbox: TrackedLog[dict[str, Any]] = field(default_factory=TrackedLog)
    messages: list[dict[str, Any]] = field(default_factory=list, metadata=TRANSIENT)
    """Texts as people see them: parts of Twilio's state."""
    providers: dict[str, Any] = field(default_factory=dict, metadata=TRANSIENT)
    """Each emulator's own state object under its name; the emulator makes it anew after a reset."""
    timers: TrackedTable[int, Timer] = field(default_factory=TrackedTable)
    timer_count: int = 0
    """How many timers there have been."""
    parts: dict[str, Any] = field(default_factory=dict, metadata=TRANSIENT)
    """Other objects whose fields are kept, by name."""
    emulators: dict[str, Emulator] = field(default_factory=dict, metadata=TRANSIENT)
    _handles: dict[int, asyncio.TimerHandle] = field(default_factory=dict, metadata=TRANSIENT)
    _storage: StateStorage | None = field(default=None, metadata=TRANSIENT)
    _saver: DelayedSaver | None = field(default=None, metadata=TRANSIENT)

    def register_emulator(self, emulator: Emulator) -> None:
        self.emulators[emulator.name] = emulator

    def get_state(self, name: str, kind: type[S]) -> S:
        """The emulator's state, which is made on the first day and after a reset."""
        found = self.providers.get(name)
        if not isinstance(found, kind):
            made: S = self.emulators[name].create_state(self)
            self.providers[name] = made
            return made
        return found

    def sign_callback(self, callback: Callback, at: datetime) -> dict[str, str]:
        """The headers of one attempt at a callback."""
        emulator = self.emulators.get(callback.provider)
        return callback.headers | (emulator.sign_callback(self, callback, at) if emulator else {})

    def acknowledge_callback(self, callback: Callback) -> None:
        emulator = self.emulators.get(callback.provider)
        if emulator is not None:
            emulator.acknowledge_callback(self, callback)

    def post_mail(self, mail: dict[str, Any]) -> None:
        self.mailbox.append(mail)
        del self.mailbox[:-MAX_MAILS]

    def schedule_action(self, seconds: float, emulator: str, action: str, *arguments: Any) -> None:
        """Calls an action of the emulator later, unless the sandbox is reset meanwhile."""
        self.timer_count += 1
        due = self.now() + timedelta(seconds=seconds)
        self.timers[self.timer_count] = Timer(due, emulator, action, arguments)
        self._arm(self.timer_count, seconds)

    def run_action(self, emulator: str, action: str, *arguments: Any) -> None:
        """Calls an action of the emulator now."""
        self.emulators[emulator].actions[action](self, *arguments)

    def _arm(self, number: int, seconds: float) -> None:
        self._handles[number] = asyncio.get_running_loop().call_later(max(0.0, seconds), self._due, number)

    def _due(self, number: int) -> None:
        self._handles.pop(number, None)
        timer = self.timers.pop(number)
        self.run_action(timer.emulator, timer.action, *timer.arguments)
        self.save_changes()

    def reset_state(self) -> None:
        """As on the first day, but for the ids: no id is ever given twice."""
        self._forget()
        if self._storage is not None:
            self._storage.erase_all()
            self.save_changes(thorough=True)

    def _forget(self) -> None:
        self.stop_timers()
        for one in (self.calls, self.faults, self.mailbox, self.messages, self.providers, self.timers):
            one.clear()

    def restart_from_storage(self) -> None:
        """As if the process had ended and another had begun: what is not saved is lost. For a world kept in memory."""
        self.open_storage(None)
        self.save_changes(thorough=True)
        calls = [*self.calls]
        self._forget()
        self.load_state()
        self.calls[:] = calls
        self.close_storage()

    def stop_timers(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def open_storage(self, path: Path | None) -> None:
        """Loads the state that the file holds, and keeps it up to date from now on. None: in memory.

        Raises StorageInUse.
        """
        codec = StateCodec([Timer, Callback])
        for kind in [kind for emulator in self.emulators.values() for kind in emulator.stored_types]:
            codec.add_type(kind)
        for part in self.parts.values():
            for kind in part.types:
                codec.add_type(kind)
        self._storage = StateStorage.open_file(path, codec)
        self._saver = DelayedSaver(self.save_changes)
        self.load_state()

    def load_state(self) -> None:
        """The state as it was saved last, in the place of what there is."""
        if self._storage is None:
            return
        self._storage.rebase_addresses({"hub": self.config.callback_base, "sandbox": self.config.public_base})
        self._storage.load_fields("world", self)
        for name, part in self.parts.items():
            self._storage.load_fields(name, part)
        for name in self._storage.list_owners():
            if (emulator := self.emulators.get(name)) is not None:
                self.providers[name] = state = emulator.create_state(self)
                self._storage.load_fields(name, state)
                emulator.restore_state(self, state)
        for number, timer in sorted(self.timers.items()):
            self._arm(number, (timer.due_at - self.now()).total_seconds())
        self.timers.forget_touches()

    def save_changes(self, *, thorough: bool = False) -> None:
        """Writes what has changed. Nothing happens in a sandbox that is kept in memory."""
        if self._storage is None or self._saver is None:
            return
        states = {"world": self, **self.parts, **self.providers}
        if self._storage.save_changes(states, thorough=thorough) and not thorough:
            self._saver.schedule_save()

    def close_storage(self) -> None:
        if self._storage is not None and self._saver is not None:
            self._saver.stop()
            self.save_changes(thorough=True)
            self._storage.close()
            self._storage = None
