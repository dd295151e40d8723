"""Plays bookings against the sandbox under every trouble at once, and proves that nothing is lost or doubled.

Everything runs in this process, in virtual time: the services as they are, the sandbox's emulators behind them on the
real wire (without sockets), a real PostgreSQL underneath. A seed decides what happens and in which order, so whatever
is found can be played again, and made smaller until only what is needed for it is left.
"""
