// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.flatbuffers.FlatBufferBuilder;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.StreamMessage;
import io.saeflow.schemas.stream.TokenBatch;
import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.junit.jupiter.api.Test;

class ArrowMessagesTest {
  private static final TokenBatch BATCH =
      new TokenBatch(
          "run-1",
          7,
          14,
          3,
          new int[] {5, 0, 50256, 1, 2, 3},
          List.of(
              List.of(
                  new DocumentSpan(0, 4, 90, "{\"party\":\"Whig\",\"year\":1850}"),
                  new DocumentSpan(2, 5, 0, "{}")),
              List.of(new DocumentSpan(1, 5, 1, "{\"name\":\"Müller 🙂\"}"))));

  private static final ActivationBatch ACTIVATIONS =
      new ActivationBatch(
          BATCH,
          HookPoint.parse("blocks.2.hook_resid_post"),
          2,
          new float[] {
            0f,
            -0f,
            1.5f,
            Float.MIN_VALUE,
            Float.NaN,
            Float.POSITIVE_INFINITY,
            2f,
            3f,
            4f,
            5f,
            6f,
            7f
          });

  private static final LatentBatch LATENTS =
      new LatentBatch(
          BATCH,
          "demo",
          new FeatureRange(1, 2, 10),
          new EncodingSummary(1, 12, 4, new BigInteger("1234567890123456789012")),
          new int[] {0, 2, 2, 3, 3, 3, 5},
          new int[] {5, 9, 7, 6, 8},
          new float[] {1f, -2f, 0.25f, 3.5f, 1e-30f});

  @Test
  void everyMessageComesBackEqual() throws Exception {
    EndOfStream end = new EndOfStream("run-1", 8, 16, 48);
    assertThat(ArrowMessages.decodeTokens(ArrowMessages.encode(BATCH))).isEqualTo(BATCH);
    assertThat(ArrowMessages.decodeActivations(ArrowMessages.encode(ACTIVATIONS)))
        .isEqualTo(ACTIVATIONS);
    assertThat(ArrowMessages.decodeLatents(ArrowMessages.encode(LATENTS))).isEqualTo(LATENTS);
    assertThat(ArrowMessages.decodeTokens(ArrowMessages.encode(end))).isEqualTo(end);
    assertThat(ArrowMessages.decodeActivations(ArrowMessages.encode(end))).isEqualTo(end);
    assertThat(ArrowMessages.decodeLatents(ArrowMessages.encode(end))).isEqualTo(end);
  }

  /** Arrow's own reader, which shares none of our framing, must see the same columns. */
  /** 2049 lies between two float16 numbers, and goes to the even one. */
  @Test
  void activationsMayBeRoundedToFloat16() throws Exception {
    float[] exact = {0, -0.5f, 2049, 70000, Float.NaN, 0x1p-24f};
    float[] rounded = {0, -0.5f, 2048, Float.POSITIVE_INFINITY, Float.NaN, 0x1p-24f};
    TokenBatch tokens = new TokenBatch("run", 0, 0, 3, new int[] {1, 2, 3}, List.of(List.of()));
    HookPoint hook = HookPoint.parse("blocks.1.hook_resid_post");
    byte[] bytes =
        ArrowMessages.encode(new ActivationBatch(tokens, hook, 2, exact), ActivationDtype.FLOAT16);
    assertThat(ArrowMessages.decodeActivations(bytes))
        .isEqualTo(new ActivationBatch(tokens, hook, 2, rounded));
    try (BufferAllocator memory = new RootAllocator();
        ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(bytes), memory)) {
      assertThat(reader.loadNextBatch()).isTrue();
      assertThat(reader.getVectorSchemaRoot().getVector("activations").getObject(0).toString())
          .isEqualTo("[[0,-18432],[26624,31744],[32256,1]]");
    }
  }

  @Test
  void arrowsOwnReaderReadsThem() throws Exception {
    try (BufferAllocator memory = new RootAllocator();
        ArrowStreamReader reader =
            new ArrowStreamReader(
                new ByteArrayInputStream(ArrowMessages.encode(LATENTS)), memory)) {
      assertThat(reader.loadNextBatch()).isTrue();
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      assertThat(root.getRowCount()).isEqualTo(2);
      assertThat(root.getVector("tokens").getObject(0)).isEqualTo(List.of(5, 0, 50256));
      assertThat(root.getVector("latents").getObject(0).toString())
          .isEqualTo(
              "[[{\"latent\":5,\"value\":1.0},{\"latent\":9,\"value\":-2.0}],[],"
                  + "[{\"latent\":7,\"value\":0.25}]]");
      assertThat(root.getVector("documents").getObject(1).toString())
          .contains("\"start\":1")
          .contains("\"document\":5")
          .contains("Müller 🙂");
      assertThat(root.getSchema().getCustomMetadata())
          .isEqualTo(
              Map.ofEntries(
                  Map.entry("saeflow.kind", "latents"),
                  Map.entry("saeflow.version", "3"),
                  Map.entry("saeflow.run", "run-1"),
                  Map.entry("saeflow.number", "7"),
                  Map.entry("saeflow.first-sequence", "14"),
                  Map.entry("saeflow.sae", "demo"),
                  Map.entry("saeflow.range-index", "1"),
                  Map.entry("saeflow.range-count", "2"),
                  Map.entry("saeflow.range-latents", "10"),
                  Map.entry("saeflow.non-finite-tokens", "1"),
                  Map.entry("saeflow.non-zeros", "12"),
                  Map.entry("saeflow.reconstructed-tokens", "4"),
                  Map.entry("saeflow.normalized-errors", "1234567890123456789012")));
      assertThat(reader.loadNextBatch()).isFalse();
    }
    try (BufferAllocator memory = new RootAllocator();
        ArrowStreamReader reader =
            new ArrowStreamReader(
                new ByteArrayInputStream(ArrowMessages.encode(ACTIVATIONS)), memory)) {
      assertThat(reader.loadNextBatch()).isTrue();
      assertThat(reader.getVectorSchemaRoot().getVector("activations").getObject(1).toString())
          .isEqualTo("[[2.0,3.0],[4.0,5.0],[6.0,7.0]]");
    }
  }

  @Test
  void aMessageOfAnotherKindIsRefused() {
    assertThatThrownBy(() -> ArrowMessages.decodeLatents(ArrowMessages.encode(BATCH)))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageContaining("saeflow.kind: 'tokens' (expected: 'latents')");
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] whole = ArrowMessages.encode(LATENTS);
    // The last 8 bytes only mark the end, which a reader of a single message does not need.
    for (int length = 0; length < whole.length - 8; length += 3) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> ArrowMessages.decodeLatents(cut))
          .as("cut to %d of %d bytes", length, whole.length)
          .isInstanceOf(MalformedMessageException.class);
    }
  }

  /** A changed byte gives another valid message or a refusal, never another exception. */
  @Test
  void changedBytesNeverEscapeTheDeclaredException() {
    Random random = new Random(1);
    int refused = 0;
    for (StreamMessage message : List.of(BATCH, ACTIVATIONS, LATENTS)) {
      byte[] whole = ArrowMessages.encode(message);
      for (int i = 0; i < 20_000; i++) {
        byte[] changed = whole.clone();
        changed[random.nextInt(whole.length)] = (byte) random.nextInt();
        changed[random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
        try {
          if (message == BATCH) {
            ArrowMessages.decodeTokens(changed);
          } else if (message == ACTIVATIONS) {
            ArrowMessages.decodeActivations(changed);
          } else {
            ArrowMessages.decodeLatents(changed);
          }
        } catch (MalformedMessageException e) {
          refused++;
        }
      }
    }
    assertThat(refused).isGreaterThan(10_000);
  }

  /** Each field has sixteen children, all of them the one field below it. */
  @Test
  void aSchemaThatUnfoldsWithoutEndIsMalformed() {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    Struct_.startStruct_(builder);
    int type = Struct_.endStruct_(builder);
    int[] children = {};
    for (int depth = 0; depth < 30; depth++) {
      int vector = org.apache.arrow.flatbuf.Field.createChildrenVector(builder, children);
      org.apache.arrow.flatbuf.Field.startField(builder);
      org.apache.arrow.flatbuf.Field.addTypeType(builder, Type.Struct_);
      org.apache.arrow.flatbuf.Field.addType(builder, type);
      org.apache.arrow.flatbuf.Field.addChildren(builder, vector);
      children = new int[16];
      Arrays.fill(children, org.apache.arrow.flatbuf.Field.endField(builder));
    }
    byte[] bytes = schemaMessage(builder, children, new int[0]);
    assertThatThrownBy(() -> ArrowMessages.decodeTokens(bytes))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessage("schema: fields: 17 (expected: at most 16)");
  }

  /** One long text that a thousand entries of the metadata share. */
  @Test
  void aTextThatIsRepeatedWithoutEndIsMalformed() {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int text = builder.createString("a".repeat(10_000));
    int[] metadata = new int[1000];
    Arrays.fill(metadata, KeyValue.createKeyValue(builder, text, text));
    byte[] bytes = schemaMessage(builder, new int[0], metadata);
    assertThatThrownBy(() -> ArrowMessages.decodeTokens(bytes))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessage("schema: metadata: 1000 (expected: at most 16)");
  }

  private static byte[] schemaMessage(FlatBufferBuilder builder, int[] fields, int[] metadata) {
    int fieldVector = org.apache.arrow.flatbuf.Schema.createFieldsVector(builder, fields);
    int metadataVector =
        org.apache.arrow.flatbuf.Schema.createCustomMetadataVector(builder, metadata);
    org.apache.arrow.flatbuf.Schema.startSchema(builder);
    org.apache.arrow.flatbuf.Schema.addFields(builder, fieldVector);
    org.apache.arrow.flatbuf.Schema.addCustomMetadata(builder, metadataVector);
    int schema = org.apache.arrow.flatbuf.Schema.endSchema(builder);
    builder.finish(
        Message.createMessage(builder, MetadataVersion.V5, MessageHeader.Schema, schema, 0, 0));
    byte[] message = builder.sizedByteArray();
    return ByteBuffer.allocate(8 + message.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(-1)
        .putInt(message.length)
        .put(message)
        .array();
  }
}
