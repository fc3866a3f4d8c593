// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import static io.saeflow.schemas.arrow.MessageLayout.ACTIVATIONS;
import static io.saeflow.schemas.arrow.MessageLayout.END;
import static io.saeflow.schemas.arrow.MessageLayout.LATENTS;
import static io.saeflow.schemas.arrow.MessageLayout.TOKENS;
import static io.saeflow.schemas.arrow.MessageLayout.VERSION;
import static io.saeflow.schemas.arrow.MessageLayout.activationsColumn;
import static io.saeflow.schemas.arrow.MessageLayout.latentsColumn;
import static io.saeflow.schemas.arrow.MessageLayout.tokenColumns;

import io.saeflow.schemas.arrow.MessageLayout.MetadataKey;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.ActivationMessage;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.LatentMessage;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.StreamMessage;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.stream.TokenMessage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Stream messages to and from Arrow IPC streams: a schema, one record batch with a row a sequence,
 * and the end. Identity is in the schema's metadata.
 *
 * <table>
 * <caption>Columns, none nullable; L is the context length, D the hook point's width</caption>
 * <tr><td>all batches</td><td>{@code tokens: fixed_size_list<int32>[L]}</td></tr>
 * <tr><td></td><td>{@code documents: list<struct<start: int32, document: int64, offset: int64,
 *     labels: utf8>>}</td></tr>
 * <tr><td>activations</td><td>{@code activations:
 *     fixed_size_list<fixed_size_list<float32>[D]>[L]}, or of float16</td></tr>
 * <tr><td>latents</td><td>{@code latents: fixed_size_list<list<struct<latent: int32, value:
 *     float32>>>[L]}</td></tr>
 * </table>
 *
 * An end of stream has no columns and no batch.
 */
public final class ArrowMessages {

  private ArrowMessages() {}

  /** The message's bytes; activations in float32. */
  public static byte[] encode(StreamMessage message) {
    return encode(message, ActivationDtype.FLOAT32);
  }

  /**
   * The message's bytes.
   *
   * @param dtype of activations; other messages have none
   */
  public static byte[] encode(StreamMessage message, ActivationDtype dtype) {
    if (message instanceof TokenBatch batch) {
      IpcWriter writer = new IpcWriter();
      writeTokens(writer, batch);
      return writer.write(
          new Schema(tokenColumns(batch.contextLength()), metadata(TOKENS, batch)), rows(batch));
    }
    if (message instanceof ActivationBatch activations) {
      return activations(activations, dtype);
    }
    if (message instanceof LatentBatch latents) {
      return latents(latents);
    }
    EndOfStream end = (EndOfStream) message;
    Map<String, String> metadata = metadata(END, end);
    metadata.put(MetadataKey.SEQUENCES, Long.toString(end.sequences()));
    metadata.put(MetadataKey.TOKENS, Long.toString(end.tokens()));
    return IpcWriter.schemaOnly(new Schema(List.of(), metadata));
  }

  /**
   * A message of the tokens topic.
   *
   * @param bytes null is not one either
   * @throws MalformedMessageException if the bytes are not one
   */
  public static TokenMessage decodeTokens(byte @Nullable [] bytes)
      throws MalformedMessageException {
    return MessageReader.decode(
        bytes, reader -> reader.isEnd() ? reader.endOfStream() : reader.tokens(TOKENS, List.of()));
  }

  /**
   * A message of an activations topic.
   *
   * @param bytes null is not one either
   * @throws MalformedMessageException if the bytes are not one
   */
  public static ActivationMessage decodeActivations(byte @Nullable [] bytes)
      throws MalformedMessageException {
    return MessageReader.decode(
        bytes, reader -> reader.isEnd() ? reader.endOfStream() : reader.activations());
  }

  /**
   * A message of a latents topic.
   *
   * @param bytes null is not one either
   * @throws MalformedMessageException if the bytes are not one
   */
  public static LatentMessage decodeLatents(byte @Nullable [] bytes)
      throws MalformedMessageException {
    return MessageReader.decode(
        bytes, reader -> reader.isEnd() ? reader.endOfStream() : reader.latents());
  }

  private static byte[] activations(ActivationBatch activations, ActivationDtype dtype) {
    TokenBatch batch = activations.batch();
    Map<String, String> metadata = metadata(ACTIVATIONS, batch);
    metadata.put(MetadataKey.HOOK, activations.hook().name());
    List<Field> columns = new ArrayList<>(tokenColumns(batch.contextLength()));
    columns.add(activationsColumn(batch.contextLength(), activations.width(), dtype));
    IpcWriter writer = new IpcWriter();
    writeTokens(writer, batch);
    writer.node(rows(batch)).validity();
    writer.node(batch.tokens().length).validity();
    writer.node(activations.values().length).validity();
    if (dtype == ActivationDtype.FLOAT16) {
      writer.halves(activations.values());
    } else {
      writer.floats(activations.values());
    }
    return writer.write(new Schema(columns, metadata), rows(batch));
  }

  private static byte[] latents(LatentBatch latents) {
    TokenBatch batch = latents.batch();
    Map<String, String> metadata = metadata(LATENTS, batch);
    metadata.put(MetadataKey.SAE, latents.sae());
    metadata.put(MetadataKey.RANGE_INDEX, Integer.toString(latents.range().index()));
    metadata.put(MetadataKey.RANGE_COUNT, Integer.toString(latents.range().count()));
    metadata.put(MetadataKey.RANGE_LATENTS, Integer.toString(latents.range().latents()));
    EncodingSummary summary = latents.summary();
    metadata.put(MetadataKey.NON_FINITE_TOKENS, Integer.toString(summary.nonFiniteTokens()));
    metadata.put(MetadataKey.NON_ZEROS, Long.toString(summary.nonZeros()));
    metadata.put(MetadataKey.RECONSTRUCTED_TOKENS, Integer.toString(summary.reconstructedTokens()));
    metadata.put(MetadataKey.NORMALIZED_ERRORS, summary.normalizedErrors().toString());
    List<Field> columns = new ArrayList<>(tokenColumns(batch.contextLength()));
    columns.add(latentsColumn(batch.contextLength()));
    IpcWriter writer = new IpcWriter();
    writeTokens(writer, batch);
    writer.node(rows(batch)).validity();
    writer.node(batch.tokens().length).validity().ints(latents.offsets());
    writer.node(latents.size()).validity();
    writer.node(latents.size()).validity().ints(latents.latents());
    writer.node(latents.size()).validity().floats(latents.values());
    return writer.write(new Schema(columns, metadata), rows(batch));
  }

  private static void writeTokens(IpcWriter writer, TokenBatch batch) {
    int spans = batch.documents().stream().mapToInt(List::size).sum();
    int[] listOffsets = new int[rows(batch) + 1];
    int[] starts = new int[spans];
    long[] documents = new long[spans];
    long[] offsets = new long[spans];
    int[] labelOffsets = new int[spans + 1];
    StringBuilder labels = new StringBuilder();
    int labelBytes = 0;
    int i = 0;
    for (int row = 0; row < rows(batch); row++) {
      for (DocumentSpan span : batch.documents().get(row)) {
        starts[i] = span.start();
        documents[i] = span.document();
        offsets[i] = span.offset();
        labels.append(span.labels());
        labelBytes += span.labels().getBytes(StandardCharsets.UTF_8).length;
        labelOffsets[++i] = labelBytes;
      }
      listOffsets[row + 1] = i;
    }
    writer.node(rows(batch)).validity();
    writer.node(batch.tokens().length).validity().ints(batch.tokens());
    writer.node(rows(batch)).validity().ints(listOffsets);
    writer.node(spans).validity();
    writer.node(spans).validity().ints(starts);
    writer.node(spans).validity().longs(documents);
    writer.node(spans).validity().longs(offsets);
    writer.node(spans).validity().ints(labelOffsets);
    writer.bytes(labels.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static int rows(TokenBatch batch) {
    return batch.sequences();
  }

  private static Map<String, String> metadata(String kind, StreamMessage message) {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(MetadataKey.KIND, kind);
    metadata.put(MetadataKey.VERSION, VERSION);
    metadata.put(MetadataKey.RUN, message.run());
    metadata.put(MetadataKey.NUMBER, Long.toString(message.number()));
    return metadata;
  }

  private static Map<String, String> metadata(String kind, TokenBatch batch) {
    Map<String, String> metadata = metadata(kind, (StreamMessage) batch);
    metadata.put(MetadataKey.FIRST_SEQUENCE, Long.toString(batch.firstSequence()));
    return metadata;
  }
}
