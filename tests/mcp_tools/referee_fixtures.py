"""What the protocol's conformance scenarios want a server to have, added to the production factory in tests only."""

import asyncio
import base64
import json
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    PromptMessage,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)

from gateway.mcp_tools.server import Additions

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
TOOLS = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
)
PROMPTS = (
    "test_simple_prompt",
    "test_prompt_with_arguments",
    "test_prompt_with_embedded_resource",
    "test_prompt_with_image",
    "test_input_required_result_prompt",
)
NAMES = frozenset({*TOOLS, *PROMPTS, "test", "test://template/{id}/data"})


def asked(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampled(text: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def answer(context: Context[Any, Any], key: str) -> Any:
    """What the client answered to this question, None before that."""
    return (context.input_responses or {}).get(key)


def said(context: Context[Any, Any], key: str, field: str) -> str | None:
    found = answer(context, key)
    if (
        isinstance(found, ElicitResult)
        and found.action == "accept"
        and isinstance((found.content or {}).get(field), str)
    ):
        return str((found.content or {})[field])
    return None


def _picture() -> ImageContent:
    return ImageContent(type="image", data=PIXEL, mime_type="image/png")


def _embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


async def test_simple_text() -> str:
    return "This is a simple text response for testing."


async def test_image_content() -> list[ImageContent]:
    return [_picture()]


async def test_audio_content() -> list[AudioContent]:
    return [AudioContent(type="audio", data=SILENCE, mime_type="audio/wav")]


async def test_embedded_resource() -> list[EmbeddedResource]:
    return [_embedded("test://embedded-resource", "This is an embedded resource content.")]


async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    told = TextContent(type="text", text="Multiple content types test:")
    return [
        told,
        _picture(),
        _embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json"),
    ]


async def test_error_handling() -> str:
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await asyncio.sleep(0.05)
    return "done"


async def test_logging_tool() -> str:
    return "Nothing is logged to a client that did not ask for it."


async def test_missing_capability(ctx: Context[Any, Any]) -> str:
    if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
        data = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(code=MISSING_REQUIRED_CLIENT_CAPABILITY, message="sampling is not declared", data=data)
    return "declared"


async def test_streaming_elicitation(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    return _elicited(ctx, "user_name", "What is your name?", "name", "Hello, {}!")


async def test_input_required_result_elicitation(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    return _elicited(ctx, "user_name", "What is your name?", "name", "Hello, {}!")


def _elicited(ctx: Context[Any, Any], key: str, message: str, field: str, done: str) -> str | InputRequiredResult:
    value = said(ctx, key, field)
    return done.format(value) if value is not None else InputRequiredResult(input_requests={key: asked(message, field)})


async def test_input_required_result_sampling(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    found = answer(ctx, "capital_question")
    if found is None:
        return InputRequiredResult(input_requests={"capital_question": sampled("What is the capital of France?")})
    return f"The model said: {getattr(found.content, 'text', found)}"


async def test_input_required_result_list_roots(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    found = answer(ctx, "client_roots")
    if found is None:
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return f"Roots: {', '.join(str(root.uri) for root in found.roots)}"


async def test_input_required_result_request_state(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    if answer(ctx, "confirm") is None or ctx.request_state != "confirming":
        return InputRequiredResult(
            input_requests={"confirm": asked("Please confirm", "ok", "boolean")}, request_state="confirming"
        )
    return "state-ok"


async def test_input_required_result_tampered_state(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    if answer(ctx, "confirm") is None:
        return InputRequiredResult(
            input_requests={"confirm": asked("Please confirm", "ok", "boolean")}, request_state="confirming"
        )
    return f"state: {ctx.request_state}"


async def test_input_required_result_multiple_inputs(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    keys = ("user_name", "greeting", "client_roots")
    if any(answer(ctx, key) is None for key in keys):
        questions = dict(
            zip(
                keys,
                (asked("What is your name?", "name"), sampled("Generate a greeting"), ListRootsRequest()),
                strict=True,
            )
        )
        return InputRequiredResult(input_requests=questions, request_state="three")
    return "all three were answered"


async def test_input_required_result_multi_round(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    if ctx.request_state == "step 2" and (color := said(ctx, "step2", "color")):
        return f"Your favorite color is {color}."
    if ctx.request_state == "step 1" and said(ctx, "step1", "name"):
        question = {"step2": asked("Step 2: What is your favorite color?", "color")}
        return InputRequiredResult(input_requests=question, request_state="step 2")
    question = {"step1": asked("Step 1: What is your name?", "name")}
    return InputRequiredResult(input_requests=question, request_state="step 1")


async def test_input_required_result_capabilities(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Asks for only what the client has said it can answer."""
    declared = ctx.client_capabilities
    questions: dict[str, Any] = {}
    if declared is not None and declared.elicitation is not None and answer(ctx, "user_name") is None:
        questions["user_name"] = asked("What is your name?", "name")
    if declared is not None and declared.sampling is not None and answer(ctx, "greeting") is None:
        questions["greeting"] = sampled("Generate a greeting")
    return InputRequiredResult(input_requests=questions) if questions else "nothing to ask"


def test_simple_prompt() -> str:
    return "This is a simple prompt for testing."


def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    return [UserMessage(_embedded(resourceUri, "Embedded resource content for testing.")), UserMessage("Process it.")]


def test_prompt_with_image() -> list[UserMessage]:
    return [UserMessage(_picture()), UserMessage("Analyze it.")]


async def test_input_required_result_prompt(ctx: Context[Any, Any]) -> GetPromptResult | InputRequiredResult:
    value = said(ctx, "user_context", "context")
    if value is None:
        return InputRequiredResult(
            input_requests={"user_context": asked("What context should the prompt use?", "context")}
        )
    told = TextContent(type="text", text=f"In the context of {value}.")
    return GetPromptResult(messages=[PromptMessage(role="user", content=told)])


def _add(server: MCPServer[Any]) -> None:
    here = globals()
    for name in TOOLS:
        server.tool(description="A fixture of the conformance tests", structured_output=False)(here[name])
    for name in PROMPTS:
        server.prompt(description="A fixture of the conformance tests")(here[name])

    def static_text() -> str:
        return "This is the content of the static text resource."

    def static_binary() -> bytes:
        return base64.b64decode(PIXEL)

    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    server.resource("test://static-text", mime_type="text/plain")(static_text)
    server.resource("test://static-binary", mime_type="image/png")(static_binary)
    server.resource("test://template/{id}/data", mime_type="application/json")(template)


ADDITIONS = Additions(_add, NAMES)
