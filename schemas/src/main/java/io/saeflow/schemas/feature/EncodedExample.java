// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.avro.io.Encoder;

/**
 * An {@link Example} whose window is bytes, a third of what it takes in arrays: a feature has
 * dozens of examples, and mostly they are only kept and written.
 *
 * <p>The bytes are, each number as Avro encodes it:
 *
 * <ol>
 *   <li>the window's length, an int;
 *   <li>for each activation that is not zero its place in the window, an int, and its value, a
 *       float; after the last, -1;
 *   <li>the example's {@code document}, {@code windowStart} and {@code tokens}: most of the bytes,
 *       which are copied into the record.
 * </ol>
 */
public final class EncodedExample {
  /** After the last activation. */
  static final int END = -1;

  private final long sequence;
  private final int position;
  private final float activation;
  private final byte[] window;

  /**
   * An example as it is in a record, but for its window.
   *
   * @param window as {@link WindowEncoder} makes it; not copied, and not to be changed afterwards
   */
  public EncodedExample(long sequence, int position, float activation, byte[] window) {
    this.sequence = sequence;
    this.position = position;
    this.activation = activation;
    this.window = window;
  }

  /** The same in arrays. */
  Example decode() {
    try {
      AvroInput in = new AvroInput(window, 0);
      float[] activations = new float[in.readInt()];
      for (int at = in.readInt(); at != END; at = in.readInt()) {
        activations[at] = in.readFloat();
      }
      return new Example(
          sequence,
          position,
          activation,
          in.readLong(),
          in.readInt(),
          new IntList(in.readInts()),
          new FloatList(activations));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes all fields of the example. */
  void writeTo(Encoder out) throws IOException {
    AvroInput in = new AvroInput(window, 0);
    int length = in.readInt();
    ByteBuffer activations =
        ByteBuffer.allocate(length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = in.readInt(); at != END; at = in.readInt()) {
      activations.putFloat(at * Float.BYTES, in.readFloat());
    }
    out.writeLong(sequence);
    out.writeInt(position);
    out.writeFloat(activation);
    out.writeFixed(window, in.position(), window.length - in.position());
    out.writeArrayStart();
    out.setItemCount(length);
    out.writeFixed(activations.array());
    out.writeArrayEnd();
  }
}
