// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Random;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;

class AvroInputTest {
  private static final int[] INTS = {
    0,
    -1,
    1,
    63,
    64,
    -64,
    -65,
    8191,
    8192,
    -8193,
    1 << 20,
    -(1 << 27),
    Integer.MAX_VALUE,
    Integer.MIN_VALUE
  };

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);

  @Test
  void readsWhatAvroWrites() throws IOException {
    bytes.write(7); // before what is read
    out.writeBoolean(true);
    for (int value : INTS) {
      out.writeInt(value);
    }
    out.writeLong(Long.MIN_VALUE);
    out.writeLong(Long.MAX_VALUE);
    out.writeFloat(-1.5f);
    out.writeDouble(Math.PI);
    out.writeString("é…\uD83D\uDE00");
    AvroInput in = new AvroInput(bytes.toByteArray(), 1);
    assertThat(in.readBoolean()).isTrue();
    for (int value : INTS) {
      assertThat(in.readInt()).isEqualTo(value);
    }
    assertThat(in.readLong()).isEqualTo(Long.MIN_VALUE);
    assertThat(in.readLong()).isEqualTo(Long.MAX_VALUE);
    assertThat(in.readFloat()).isEqualTo(-1.5f);
    assertThat(in.readDouble()).isEqualTo(Math.PI);
    assertThat(in.isEnd()).isFalse();
    assertThat(in.readString()).isEqualTo("é…\uD83D\uDE00");
    assertThat(in.isEnd()).isTrue();
  }

  @Test
  void readsArraysOfWhateverNumbers() throws IOException {
    Random random = new Random(5);
    int[] ints = random.ints(1000).map(any -> any >> random.nextInt(32)).toArray();
    out.writeArrayStart();
    out.setItemCount(INTS.length + ints.length);
    for (int value : INTS) {
      out.writeInt(value);
    }
    for (int value : ints) {
      out.writeInt(value);
    }
    out.writeArrayEnd();
    out.writeArrayStart();
    out.setItemCount(3);
    out.writeFloat(0);
    out.writeFloat(Float.NaN);
    out.writeFloat(Float.MIN_VALUE);
    out.writeArrayEnd();
    AvroInput in = new AvroInput(bytes.toByteArray(), 0);
    assertThat(in.readInts()).startsWith(INTS).endsWith(ints);
    assertThat(in.readFloats()).containsExactly(0, Float.NaN, Float.MIN_VALUE);
    assertThat(in.isEnd()).isTrue();
  }

  @Test
  void anIntHas32Bits() throws IOException {
    out.writeLong(1L << 31);
    assertThatThrownBy(() -> new AvroInput(bytes.toByteArray(), 0).readInt())
        .isInstanceOf(IOException.class)
        .hasMessage("int: 2147483648 (expected: 32 bits)");
    bytes.reset();
    out.writeLong(1); // element
    out.writeLong(Long.MAX_VALUE);
    assertThatThrownBy(() -> new AvroInput(bytes.toByteArray(), 0).readInts())
        .isInstanceOf(IOException.class)
        .hasMessage("int: goes on (expected: 5 bytes at most)");
  }

  @Test
  void aLongHasTenBytes() {
    byte[] endless = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0};
    assertThatThrownBy(() -> new AvroInput(endless, 0).readLong())
        .isInstanceOf(IOException.class)
        .hasMessage("number: goes on (expected: 10 bytes at most)");
  }

  @Test
  void endsWhereTheBytesEnd() throws IOException {
    out.writeLong(3); // elements
    out.writeFloat(1);
    out.writeFloat(2);
    assertThatThrownBy(() -> new AvroInput(bytes.toByteArray(), 0).readFloats())
        .isInstanceOf(EOFException.class)
        .hasMessage("3 elements in 8 bytes (expected: 4 bytes each at least)");
    assertThatThrownBy(() -> new AvroInput(bytes.toByteArray(), 6).readFloat())
        .isInstanceOf(EOFException.class)
        .hasMessage("4 bytes at 6 of 9 (expected: inside)");
  }
}
