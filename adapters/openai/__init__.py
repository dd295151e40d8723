"""Language models: OpenAI's, and those of any server that speaks its wire."""

from adapters.openai.models import OpenAIModelClient

__all__ = ["OpenAIModelClient"]
