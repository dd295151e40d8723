"""OPENAI_ROUTES: where single models are reached, and what they cost."""

import json
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode


class ModelRoute(BaseModel):
    """What is not said is as for all models. Prices are of a million tokens; times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str | None = None
    api_key: SecretStr | None = None
    wire: Literal["responses", "chat"] | None = None
    input_price: Decimal | None = Field(default=None, ge=0, le=100_000)
    output_price: Decimal | None = Field(default=None, ge=0, le=100_000)
    first: float | None = Field(default=None, gt=0)
    idle: float | None = Field(default=None, gt=0)
    total: float | None = Field(default=None, gt=0)


def _document(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("is not JSON") from None  # its own words would quote the keys


ModelRoutes = Annotated[dict[str, ModelRoute] | None, NoDecode, BeforeValidator(_document)]
