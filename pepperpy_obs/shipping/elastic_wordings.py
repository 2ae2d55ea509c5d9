"""What Elasticsearch writes when it takes nothing, or not this document, as a table; and what a person can change.

`words` are looked for, without regard to case, in ``type: reason`` of an error; the first row that fits counts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["WORDINGS", "Wording", "advice_for"]


class Wording(NamedTuple):
    """One refusal, and the remedy."""

    words: str
    advice: str
    source: str


# fmt: off
WORDINGS: Final = (
    Wording("read-only / allow delete", "its disk is past the flood stage: free space there; before 7.4, then set index.blocks.read_only_allow_delete to null", "FORBIDDEN/12, o.e.cluster.metadata.IndexMetadata, 6 and 7"),
    Wording("flood-stage watermark", "its disk is past the flood stage: free space there; it takes documents again by itself", "TOO_MANY_REQUESTS/12, IndexMetadata, late 7 to 9"),
    Wording("index write (api)", "the index is blocked for writing: set index.blocks.write to false, or roll over", "FORBIDDEN/8, IndexMetadata, 5 to 9"),
    Wording("index read-only (api)", "the index is read-only: set index.blocks.read_only to false", "FORBIDDEN/5, IndexMetadata, 5 to 9"),
    Wording("cluster_block_exception", "the cluster is blocked: look at its health and settings", "o.e.cluster.block.ClusterBlockException, 1 to 9"),
    Wording("pipeline with id [", "make that ingest pipeline, or take it out of index.default_pipeline and index.final_pipeline", "o.e.ingest.IngestService, 5 to 9"),
    Wording("no write index is defined", "the alias has several indices: mark one with is_write_index, or give a data stream as elastic_target", "o.e.action.bulk, 6.4 to 9"),
    Wording("index_closed_exception", "the index is closed: POST TARGET/_open", "o.e.indices.IndexClosedException, 1 to 9"),
    Wording("index_not_found_exception", "there is no such index, and none is made by itself: load elasticsearch-index-template.json, or see action.auto_create_index", "o.e.index.IndexNotFoundException, 2 to 9"),
    Wording("shards open", "it has as many shards as it may have: delete old indices, or raise cluster.max_shards_per_node", "validation_exception, o.e.indices.ShardLimitValidator, 7 to 9: 'maximum shards open', since 7.x 'maximum normal shards open'"),
    Wording("invalid_index_name_exception", "that cannot be the name of an index: give another elastic_target", "o.e.indices.InvalidIndexNameException, 5 to 9"),
    Wording("failure_store", "it put the event aside: search TARGET::failures for the cause; mostly a field has another type there, or a pipeline fails", "o.e.action.index.IndexResponse, 8.16 to 9; from 9.2 on the default of logs-*-*"),
    Wording("limit of total fields", "the index has too many fields: load elasticsearch-index-template.json and roll over, or raise index.mapping.total_fields.limit", "o.e.index.mapper.MapperService, 5 to 9"),
    Wording("[@timestamp] is missing", "a data stream takes no document without @timestamp", "o.e.index.mapper.DataStreamTimestampFieldMapper, 7.9 to 9"),
    Wording("mapper_parsing_exception", "a field has another type there: load elasticsearch-index-template.json, then POST TARGET/_rollover", "up to 8.7"),
    Wording("document_parsing_exception", "a field has another type there: load elasticsearch-index-template.json, then POST TARGET/_rollover", "from 8.8 on"),
    Wording("strict_dynamic_mapping_exception", "the mapping allows no new fields: load elasticsearch-index-template.json, then POST TARGET/_rollover", "o.e.index.mapper, 1 to 9"),
    Wording("op_type of create", "it is a data stream, which takes only what we send anyway: look at what stands between", "o.e.action.bulk, 7.9 to 9"),
    Wording("security_exception", "the role or API key may not write there: give it create_doc and auto_configure on the target", "x-pack security, 5 to 9"),
    Wording("es_rejected_execution_exception", "it has too much to do: the sender would wait and go on", "o.e.common.util.concurrent, 5 to 9"),
    Wording("circuit_breaking_exception", "it is short of memory: the sender would wait and go on", "o.e.common.breaker, 1 to 9"),
    Wording("unavailable_shards_exception", "the primary shard is not there: look at the cluster's health", "o.e.action.UnavailableShardsException, 1 to 9"),
)
# fmt: on


def advice_for(text: str) -> str:
    """Return what can be changed about a refusal, "" where its words are unknown."""
    text = text.lower()
    return next((wording.advice for wording in WORDINGS if wording.words in text), "")
