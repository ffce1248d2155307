"""OpenAI's list of models: the one that the server has, and the name that most of its clients ask for."""

from pathlib import PurePath

from fastapi import APIRouter

from vocafuse_server.core.errors import NotFound
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.context import Context
from vocafuse_server.dialects.openai.responses import errors
from vocafuse_server.dialects.openai.routes import OpenAiRoute
from vocafuse_server.dialects.openai.schemas import OpenAiModel, OpenAiModels
from vocafuse_server.dialects.routing import AnyCaller

router = APIRouter(route_class=OpenAiRoute, tags=["OpenAI's API"])

_USUAL_NAME = "whisper-1"
_WHISPER_PUBLISHED = 1_663_718_400  # https://openai.com/index/whisper, 21 September 2022


class ModelNotFound(NotFound):
    name = "MODEL_NOT_FOUND"
    default_message = "There is no such model here."


@router.get("/v1/models", response_model=OpenAiModels, responses=errors(401))
async def list_models(context: Context, caller: AnyCaller) -> OpenAiModels:
    """List the names of the model."""
    return OpenAiModels(data=[_model(name) for name in _names(context.settings)])


@router.get("/v1/models/{model_id:path}", response_model=OpenAiModel, responses=errors(401, 404))
async def get_model(model_id: str, context: Context, caller: AnyCaller) -> OpenAiModel:
    """Get the model by one of its names."""
    if model_id not in _names(context.settings):
        raise ModelNotFound
    return _model(model_id)


def _names(settings: Settings) -> list[str]:
    """What runs, as transcriptions name it, and what clients call it that can't be told."""
    if settings.engine == "openai":
        own = settings.openai_model
    else:
        own = f"whisper-{PurePath(settings.model).name.removeprefix('whisper-')}"
    return list(dict.fromkeys((own, _USUAL_NAME)))


def _model(name: str) -> OpenAiModel:
    return OpenAiModel(id=name, created=_WHISPER_PUBLISHED)
