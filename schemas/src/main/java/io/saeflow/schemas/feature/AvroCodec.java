// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DatumReader;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.Encoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecord;
import org.apache.avro.util.ClassSecurityValidator;

/**
 * Avro's single-object encoding of one record type: two magic bytes, the schema's fingerprint, the
 * body. A reader refuses a fingerprint that it does not know. Safe for use by several threads.
 */
public final class AvroCodec<T extends SpecificRecord> {
  /** The values of the features topic. */
  public static final AvroCodec<FeatureRecord> FEATURE =
      new AvroCodec<>(
          FeatureRecord.getClassSchema(), FeatureRecordWriter::write, AvroCodec::readFeature);

  /** The values of the manifest topic. */
  public static final AvroCodec<RunManifest> MANIFEST =
      new AvroCodec<>(
          RunManifest.getClassSchema(),
          new SpecificDatumWriter<RunManifest>(RunManifest.getClassSchema(), new SpecificData())
              ::write,
          reader(RunManifest.getClassSchema()));

  @FunctionalInterface
  private interface BodyWriter<T> {
    void write(T value, Encoder out) throws IOException;
  }

  @FunctionalInterface
  private interface BodyReader<T> {
    /** Reads what is encoded from a place on to the end. */
    T read(byte[] bytes, int from) throws IOException, MalformedMessageException;
  }

  static {
    // Avro loads no class by a schema's name unless it is trusted: ours are, and no others.
    ClassSecurityValidator.setGlobal(
        ClassSecurityValidator.composite(
            ClassSecurityValidator.getGlobal(),
            ClassSecurityValidator.builder()
                .add(FeatureRecord.class)
                .add(Example.class)
                .add(LabelCounts.class)
                .add(RunManifest.class)
                .add(RunTotals.class)
                .add(FeedPosition.class)
                .add(SaeManifest.class)
                .add(SaeStatistics.class)
                .build()));
  }

  /** Of a feature's record with some dozens of examples. */
  private static final int USUAL_BYTES = 1 << 15;

  private final BodyWriter<T> writer;
  private final BodyReader<T> reader;
  private final byte[] header;
  private final String name;

  private AvroCodec(Schema schema, BodyWriter<T> writer, BodyReader<T> reader) {
    this.writer = writer;
    this.reader = reader;
    this.header = header(schema);
    this.name = schema.getName();
  }

  private static <T extends SpecificRecord> BodyReader<T> reader(Schema schema) {
    DatumReader<T> reader = new SpecificDatumReader<>(schema, schema, new SpecificData());
    return (bytes, from) -> {
      // Avro's message decoder reads from a stream, and so believes any length. Of an array it
      // knows how much is left.
      BinaryDecoder body =
          DecoderFactory.get().binaryDecoder(bytes, from, bytes.length - from, null);
      T value = reader.read(null, body);
      requireEnd(body.isEnd());
      return value;
    };
  }

  private static FeatureRecord readFeature(byte[] bytes, int from)
      throws IOException, MalformedMessageException {
    AvroInput body = new AvroInput(bytes, from);
    FeatureRecord value = FeatureRecordReader.read(body);
    requireEnd(body.isEnd());
    return value;
  }

  private static void requireEnd(boolean end) throws MalformedMessageException {
    if (!end) {
      throw new MalformedMessageException("Avro record: more bytes after it (expected: none)");
    }
  }

  /** The record's bytes. */
  public byte[] encode(T value) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
    bytes.writeBytes(header);
    try {
      // Avro's message encoder writes value by value to a synchronized stream.
      BinaryEncoder body = EncoderFactory.get().binaryEncoder(bytes, null);
      writer.write(value, body);
      body.flush();
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The record in {@code bytes}.
   *
   * @throws MalformedMessageException if they are not one record of this type
   */
  public T decode(byte[] bytes) throws MalformedMessageException {
    if (bytes.length < header.length
        || !Arrays.equals(bytes, 0, header.length, header, 0, header.length)) {
      throw new MalformedMessageException(
          "Avro record: not of schema %s (expected: its fingerprint in the first %d bytes)"
              .formatted(name, header.length));
    }
    try {
      return reader.read(bytes, header.length);
    } catch (IOException | RuntimeException e) {
      // Avro has no one exception for what damaged bytes lead it to.
      throw new MalformedMessageException("Avro record: " + e, e);
    }
  }

  private static byte[] header(Schema schema) {
    try {
      byte[] fingerprint = SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema);
      return ByteBuffer.allocate(2 + fingerprint.length)
          .put((byte) 0xc3)
          .put((byte) 0x01)
          .put(fingerprint)
          .array();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
