// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.jspecify.annotations.Nullable;

/**
 * Reads summaries out of encoded records without making the records, which would take many times as
 * long: a log of a large autoencoder is gigabytes. For one thread.
 */
final class SummaryReader {
  /** How many top tokens a summary has at most. */
  static final int TOP_TOKENS = 5;

  /** What becomes of examples. */
  private enum Use {
    COUNTED,
    PASSED_OVER
  }

  private static final Schema SCHEMA = FeatureRecord.getClassSchema();

  private static final Schema.Field[] EXAMPLE_FIELDS =
      SCHEMA.getField("top").schema().getElementType().getFields().toArray(Schema.Field[]::new);

  /** What single-object encoding puts before a record of this schema. */
  private static final byte[] HEADER =
      ByteBuffer.allocate(10)
          .order(ByteOrder.LITTLE_ENDIAN)
          .put((byte) 0xC3)
          .put((byte) 0x01)
          .putLong(SchemaNormalization.parsingFingerprint64(SCHEMA))
          .array();

  private final int latents;

  /** Label values are the same few for all features. */
  private final Map<String, String> strings = new HashMap<>();

  private final TokenMeans means = new TokenMeans();
  private int[] window = new int[64];
  private @Nullable BinaryDecoder decoder;

  /**
   * @param latents how many latents the autoencoder has
   */
  SummaryReader(int latents) {
    this.latents = latents;
  }

  /**
   * The summary of one record.
   *
   * @throws MalformedMessageException if the bytes are no record of this schema
   */
  RecordSummary read(byte[] bytes) throws MalformedMessageException {
    if (bytes.length < HEADER.length
        || !Arrays.equals(bytes, 0, HEADER.length, HEADER, 0, HEADER.length)) {
      AvroCodec.FEATURE.decode(bytes); // says what is wrong
    }
    BinaryDecoder in =
        DecoderFactory.get()
            .binaryDecoder(bytes, HEADER.length, bytes.length - HEADER.length, decoder);
    decoder = in;
    try {
      return read(in);
    } catch (IOException | AvroRuntimeException e) {
      throw new MalformedMessageException("Avro record: " + e.getMessage(), e);
    }
  }

  private RecordSummary read(BinaryDecoder in) throws IOException, MalformedMessageException {
    int latent = -1;
    boolean complete = false;
    long tokens = 0;
    long nonFiniteTokens = 0;
    long nonZeros = 0;
    long reconstructedTokens = 0;
    double normalizedErrors = 0;
    long active = 0;
    float max = 0;
    double sum1 = 0;
    List<LabelDrift> drifts = List.of();
    means.clear();
    for (Schema.Field field : SCHEMA.getFields()) {
      switch (field.name()) {
        case "latent" -> latent = in.readInt();
        case "complete" -> complete = in.readBoolean();
        case "tokens" -> tokens = in.readLong();
        case "nonFiniteTokens" -> nonFiniteTokens = in.readLong();
        case "nonZeros" -> nonZeros = in.readLong();
        case "reconstructedTokens" -> reconstructedTokens = in.readLong();
        case "normalizedErrors" -> normalizedErrors = in.readDouble();
        case "active" -> active = in.readLong();
        case "max" -> max = in.readFloat();
        case "sum1" -> sum1 = in.readDouble();
        case "top" -> readExamples(in, Use.COUNTED);
        case "random" -> readExamples(in, Use.PASSED_OVER);
        case "labels" -> drifts = readLabels(in);
        default -> GenericDatumReader.skip(field.schema(), in);
      }
    }
    if (latent < 0 || latent >= latents) {
      throw new MalformedMessageException(
          "latent: %d (expected: 0 to %d)".formatted(latent, latents - 1));
    }
    List<Integer> strongest =
        means.strongest(TOP_TOKENS).stream().map(TokenMeans.TokenMean::token).toList();
    EncodingStatistics statistics =
        new EncodingStatistics(
            tokens, nonFiniteTokens, nonZeros, reconstructedTokens, normalizedErrors);
    return new RecordSummary(latent, complete, statistics, active, max, sum1, strongest, drifts);
  }

  private void readExamples(BinaryDecoder in, Use use) throws IOException {
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      for (long i = 0; i < n; i++) {
        int length = 0;
        for (Schema.Field field : EXAMPLE_FIELDS) {
          switch (field.name()) {
            case "tokens" -> length = readWindow(in);
            case "activations" -> readActivations(in, use, length);
            default -> GenericDatumReader.skip(field.schema(), in);
          }
        }
      }
    }
  }

  private int readWindow(BinaryDecoder in) throws IOException {
    int length = 0;
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      for (long i = 0; i < n; i++) {
        if (length == window.length) {
          window = Arrays.copyOf(window, 2 * length);
        }
        window[length++] = in.readInt();
      }
    }
    return length;
  }

  private void readActivations(BinaryDecoder in, Use use, int length) throws IOException {
    int at = 0;
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      if (use == Use.PASSED_OVER) {
        in.skipFixed(Math.toIntExact(n * Float.BYTES));
        continue;
      }
      for (long i = 0; i < n; i++) {
        float activation = in.readFloat();
        if (at < length) {
          means.add(window[at++], activation);
        }
      }
    }
  }

  private List<LabelDrift> readLabels(BinaryDecoder in) throws IOException {
    List<LabelDrift> drifts = new ArrayList<>();
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      for (long i = 0; i < n; i++) {
        String name = "";
        List<String> values = List.of();
        long[] active = {};
        long[] tokens = {};
        for (Schema.Field field : LabelCounts.getClassSchema().getFields()) {
          switch (field.name()) {
            case "field" -> name = shared(in.readString());
            case "values" -> values = readStrings(in);
            case "active" -> active = readLongs(in, values.size());
            case "tokens" -> tokens = readLongs(in, values.size());
            default -> GenericDatumReader.skip(field.schema(), in);
          }
        }
        LabelDrift.of(name, values, active, tokens).ifPresent(drifts::add);
      }
    }
    return drifts;
  }

  private List<String> readStrings(BinaryDecoder in) throws IOException {
    List<String> read = new ArrayList<>();
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      for (long i = 0; i < n; i++) {
        read.add(shared(in.readString()));
      }
    }
    return read;
  }

  private String shared(String string) {
    String known = strings.putIfAbsent(string, string);
    return known == null ? string : known;
  }

  /** As many as expected: what is missing is 0, what is too much is passed over. */
  private static long[] readLongs(BinaryDecoder in, int expected) throws IOException {
    long[] longs = new long[expected];
    int at = 0;
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      for (long i = 0; i < n; i++) {
        long value = in.readLong();
        if (at < expected) {
          longs[at++] = value;
        }
      }
    }
    return longs;
  }
}
