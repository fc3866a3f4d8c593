// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.apache.avro.Schema;
import org.apache.avro.io.DatumReader;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificRecord;
import org.apache.avro.util.ClassSecurityValidator;

/**
 * Avro's single-object encoding of one record type: two magic bytes, the schema's fingerprint, the
 * body. A reader refuses a fingerprint that it does not know. Safe for use by several threads.
 */
public final class AvroCodec<T extends SpecificRecord> {
  /** The values of the features topic. */
  public static final AvroCodec<FeatureRecord> FEATURE =
      new AvroCodec<>(FeatureRecord.getClassSchema());

  /** The values of the manifest topic. */
  public static final AvroCodec<RunManifest> MANIFEST =
      new AvroCodec<>(RunManifest.getClassSchema());

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
                .build()));
  }

  private final BinaryMessageEncoder<T> encoder;
  private final BinaryMessageDecoder<T> decoder;

  private AvroCodec(Schema schema) {
    SpecificData model = new BoundedModel();
    this.encoder = new BinaryMessageEncoder<>(model, schema);
    this.decoder = new BinaryMessageDecoder<>(model, schema);
  }

  /** The record's bytes. */
  public byte[] encode(T value) {
    try {
      ByteBuffer bytes = encoder.encode(value);
      byte[] exact = new byte[bytes.remaining()];
      bytes.get(exact);
      return exact;
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
    try {
      return decoder.decode(bytes);
    } catch (IOException | RuntimeException e) {
      // Avro has no one exception for what damaged bytes lead it to.
      throw new MalformedMessageException("Avro record: " + e.getMessage(), e);
    }
  }

  /** Reads collections that grow with what is there, since their declared sizes are claims. */
  private static final class BoundedModel extends SpecificData {
    @Override
    public DatumReader<?> createDatumReader(Schema writer, Schema reader) {
      return new BoundedReader(writer, reader, this);
    }
  }

  private static final class BoundedReader extends SpecificDatumReader<Object> {
    private static final int MAX_CAPACITY = 16;

    BoundedReader(Schema writer, Schema reader, SpecificData model) {
      super(writer, reader, model);
    }

    @Override
    protected Object newArray(Object old, int size, Schema schema) {
      return super.newArray(old, Math.min(size, MAX_CAPACITY), schema);
    }

    @Override
    protected Object newMap(Object old, int size) {
      return super.newMap(old, Math.min(size, MAX_CAPACITY));
    }
  }
}
