// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import static io.saeflow.schemas.arrow.MessageLayout.ACTIVATIONS;
import static io.saeflow.schemas.arrow.MessageLayout.END;
import static io.saeflow.schemas.arrow.MessageLayout.LATENTS;
import static io.saeflow.schemas.arrow.MessageLayout.TOKENS;
import static io.saeflow.schemas.arrow.MessageLayout.VERSION;
import static io.saeflow.schemas.arrow.MessageLayout.activationDtype;
import static io.saeflow.schemas.arrow.MessageLayout.activationsColumn;
import static io.saeflow.schemas.arrow.MessageLayout.latentsColumn;
import static io.saeflow.schemas.arrow.MessageLayout.tokenColumns;

import io.saeflow.schemas.arrow.MessageLayout.MetadataKey;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** Walks one message: its metadata first, then its columns in the order of the layout. */
final class MessageReader {
  private static final Pattern WIDE = Pattern.compile("[0-9]{1,120}");

  private final IpcReader in;

  MessageReader(IpcReader in) throws MalformedMessageException {
    this.in = in;
    if (!VERSION.equals(text(MetadataKey.VERSION))) {
      throw new MalformedMessageException(
          "%s: '%s' (expected: '%s')"
              .formatted(MetadataKey.VERSION, text(MetadataKey.VERSION), VERSION));
    }
  }

  static <T> T decode(byte @Nullable [] bytes, Decoding<T> decoding)
      throws MalformedMessageException {
    if (bytes == null) {
      throw new MalformedMessageException("no value (expected: an Arrow stream)");
    }
    try {
      return decoding.apply(new MessageReader(IpcReader.open(bytes)));
    } catch (MalformedMessageException e) {
      throw e;
    } catch (RuntimeException | StackOverflowError e) {
      // FlatBuffers read unverified offsets: a wrong one shows as any of these.
      throw new MalformedMessageException("Arrow message: " + e, e);
    }
  }

  /** What to make of a message. */
  interface Decoding<T> {
    T apply(MessageReader reader) throws MalformedMessageException;
  }

  boolean isEnd() throws MalformedMessageException {
    return END.equals(text(MetadataKey.KIND));
  }

  EndOfStream endOfStream() throws MalformedMessageException {
    return new EndOfStream(
        text(MetadataKey.RUN),
        number(MetadataKey.NUMBER),
        number(MetadataKey.SEQUENCES),
        number(MetadataKey.TOKENS));
  }

  ActivationBatch activations() throws MalformedMessageException {
    requireKind(ACTIVATIONS);
    int contextLength = contextLength();
    Field column = in.schema().findField(ACTIVATIONS);
    Field row = child(column);
    int width = listSize(row);
    ActivationDtype dtype = activationDtype(child(row));
    TokenBatch batch = tokens(ACTIVATIONS, List.of(activationsColumn(contextLength, width, dtype)));
    int tokens = batch.tokens().length;
    long values = (long) tokens * width;
    in.node(ACTIVATIONS, batch.sequences());
    in.validity(ACTIVATIONS);
    in.node(ACTIVATIONS, tokens);
    in.validity(ACTIVATIONS);
    in.node(ACTIVATIONS, values);
    in.validity(ACTIVATIONS);
    return new ActivationBatch(
        batch,
        HookPoint.parse(text(MetadataKey.HOOK)),
        width,
        dtype == ActivationDtype.FLOAT16
            ? in.halves(ACTIVATIONS, values)
            : in.floats(ACTIVATIONS, values));
  }

  LatentBatch latents() throws MalformedMessageException {
    requireKind(LATENTS);
    TokenBatch batch = tokens(LATENTS, List.of(latentsColumn(contextLength())));
    FeatureRange range =
        new FeatureRange(
            integer(MetadataKey.RANGE_INDEX),
            integer(MetadataKey.RANGE_COUNT),
            integer(MetadataKey.RANGE_LATENTS));
    int tokens = batch.tokens().length;
    in.node(LATENTS, batch.sequences());
    in.validity(LATENTS);
    in.node(LATENTS, tokens);
    in.validity(LATENTS);
    int[] offsets = in.offsets(LATENTS, tokens);
    int entries = offsets[tokens];
    in.node(LATENTS, entries);
    in.validity(LATENTS);
    in.node("latent", entries);
    in.validity("latent");
    int[] latents = in.ints("latent", entries);
    in.node("value", entries);
    in.validity("value");
    float[] values = in.floats("value", entries);
    return new LatentBatch(
        batch,
        text(MetadataKey.SAE),
        range,
        new EncodingSummary(
            integer(MetadataKey.NON_FINITE_TOKENS),
            number(MetadataKey.NON_ZEROS),
            integer(MetadataKey.RECONSTRUCTED_TOKENS),
            wide(MetadataKey.NORMALIZED_ERRORS)),
        offsets,
        latents,
        values);
  }

  /** Checks kind and schema, and reads the columns that every batch has. */
  TokenBatch tokens(String kind, List<Field> furtherColumns) throws MalformedMessageException {
    requireKind(kind);
    int contextLength = contextLength();
    List<Field> expected = new ArrayList<>(tokenColumns(contextLength));
    expected.addAll(furtherColumns);
    if (!in.schema().getFields().equals(expected)) {
      throw new MalformedMessageException(
          "columns: %s (expected: %s)".formatted(in.schema().getFields(), expected));
    }
    int rows = in.rows();
    in.node(TOKENS, rows);
    in.validity(TOKENS);
    in.node(TOKENS, (long) rows * contextLength);
    in.validity(TOKENS);
    int[] tokens = in.ints(TOKENS, (long) rows * contextLength);
    in.node("documents", rows);
    in.validity("documents");
    int[] listOffsets = in.offsets("documents", rows);
    int spans = listOffsets[rows];
    in.node("documents", spans);
    in.validity("documents");
    in.node("start", spans);
    in.validity("start");
    int[] starts = in.ints("start", spans);
    in.node("document", spans);
    in.validity("document");
    long[] documents = in.longs("document", spans);
    in.node("offset", spans);
    in.validity("offset");
    long[] offsets = in.longs("offset", spans);
    in.node("labels", spans);
    in.validity("labels");
    int[] labelOffsets = in.offsets("labels", spans);
    byte[] labels = in.bytes("labels", labelOffsets[spans]);
    List<List<DocumentSpan>> documentsByRow = new ArrayList<>(rows);
    for (int row = 0; row < rows; row++) {
      List<DocumentSpan> list = new ArrayList<>(listOffsets[row + 1] - listOffsets[row]);
      for (int i = listOffsets[row]; i < listOffsets[row + 1]; i++) {
        int length = labelOffsets[i + 1] - labelOffsets[i];
        list.add(
            new DocumentSpan(
                starts[i],
                documents[i],
                offsets[i],
                new String(labels, labelOffsets[i], length, StandardCharsets.UTF_8)));
      }
      documentsByRow.add(list);
    }
    return new TokenBatch(
        text(MetadataKey.RUN),
        number(MetadataKey.NUMBER),
        number(MetadataKey.FIRST_SEQUENCE),
        contextLength,
        tokens,
        documentsByRow);
  }

  private void requireKind(String kind) throws MalformedMessageException {
    if (!kind.equals(text(MetadataKey.KIND))) {
      throw new MalformedMessageException(
          "%s: '%s' (expected: '%s')".formatted(MetadataKey.KIND, text(MetadataKey.KIND), kind));
    }
  }

  private int contextLength() throws MalformedMessageException {
    return listSize(in.schema().findField(TOKENS));
  }

  private static Field child(Field field) throws MalformedMessageException {
    if (field.getChildren().size() != 1) {
      throw new MalformedMessageException(
          "column %s: %s (expected: a list)".formatted(field.getName(), field.getType()));
    }
    return field.getChildren().get(0);
  }

  private static int listSize(Field field) throws MalformedMessageException {
    if (field.getType() instanceof ArrowType.FixedSizeList list && list.getListSize() > 0) {
      return list.getListSize();
    }
    throw new MalformedMessageException(
        "column %s: %s (expected: a fixed-size list)".formatted(field.getName(), field.getType()));
  }

  private String text(String key) throws MalformedMessageException {
    String value = in.schema().getCustomMetadata().get(key);
    if (value == null) {
      throw new MalformedMessageException("%s: missing from the metadata".formatted(key));
    }
    return value;
  }

  private long number(String key) throws MalformedMessageException {
    try {
      return Long.parseLong(text(key));
    } catch (NumberFormatException e) {
      throw new MalformedMessageException(
          "%s: '%s' (expected: a whole number)".formatted(key, text(key)), e);
    }
  }

  /** Of so many digits that no sum of a batch has more, since a longer text takes long to read. */
  private BigInteger wide(String key) throws MalformedMessageException {
    if (!WIDE.matcher(text(key)).matches()) {
      throw new MalformedMessageException(
          "%s: '%s' (expected: a whole number of at most 120 digits)".formatted(key, text(key)));
    }
    return new BigInteger(text(key));
  }

  private int integer(String key) throws MalformedMessageException {
    return Math.toIntExact(number(key));
  }
}
