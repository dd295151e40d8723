"""A transport that answers from the air: for warming an SDK up without a network."""

import json
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from adapters.transport import Answer, Call


class Canned:
    """Answers every call with the same document."""

    def __init__(self, document: Any) -> None:
        self._body = json.dumps(document).encode()

    async def send(self, call: Call) -> Answer:
        headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))
        return Answer(call, 200, headers, self._body)
