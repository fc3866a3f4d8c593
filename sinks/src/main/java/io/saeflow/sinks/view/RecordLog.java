// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads a growing log of frames: an int32, big-endian, and as many bytes. A frame whose end is not
 * there yet is left for later.
 *
 * <p>{@link #poll} is for one thread; {@link #read} for any.
 */
public final class RecordLog implements Closeable {
  /** Takes one frame after another. */
  @FunctionalInterface
  public interface Frames {
    /**
     * Takes a frame.
     *
     * @param offset of its bytes in the file, behind their number
     * @param bytes not used by others afterwards
     */
    void frame(long offset, byte[] bytes) throws MalformedMessageException;
  }

  /** No message on a topic is larger, so a greater number is damage. */
  public static final int MAX_FRAME = 64 << 20;

  private static final int BUFFER = 1 << 20;

  private final Path file;
  private final FileChannel channel;
  private final @Nullable Object key;
  private byte[] buffer = new byte[BUFFER];
  private long position;

  private RecordLog(Path file, FileChannel channel, @Nullable Object key) {
    this.file = file;
    this.channel = channel;
    this.key = key;
  }

  /**
   * Opens a log at its beginning.
   *
   * @throws NoSuchFileException if there is none
   */
  public static RecordLog open(Path file) throws IOException {
    // The key first: should the file be replaced in between, this one counts as replaced later.
    Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    return new RecordLog(file, FileChannel.open(file, StandardOpenOption.READ), key);
  }

  /** Whether there is another file in its place, or this one was cut: then its frames are gone. */
  boolean replaced() throws IOException {
    try {
      BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
      return !Objects.equals(key, now.fileKey()) || now.size() < position;
    } catch (NoSuchFileException e) {
      return false; // its successor is about to be made
    }
  }

  /**
   * Hands out whole frames that have not been handed out, until at least {@code limit} bytes are
   * read.
   *
   * @return how many frames
   * @throws MalformedMessageException if a length cannot be right, or {@code frames} throws it
   */
  public int poll(long limit, Frames frames) throws IOException, MalformedMessageException {
    long end =
        Math.min(
            channel.size(), limit > Long.MAX_VALUE - position ? Long.MAX_VALUE : position + limit);
    int count = 0;
    while (position < end) {
      int filled = fill(position);
      int used = 0;
      while (filled - used >= Integer.BYTES) {
        int length = ByteBuffer.wrap(buffer).getInt(used);
        if (length <= 0 || length > MAX_FRAME) {
          throw new MalformedMessageException(
              "%s: length %d at %d (expected: 1 to %d)"
                  .formatted(file, length, position + used, MAX_FRAME));
        }
        if (length > filled - used - Integer.BYTES) {
          if (Integer.BYTES + length > buffer.length) {
            buffer = new byte[Integer.BYTES + length];
          }
          break;
        }
        int from = used + Integer.BYTES;
        frames.frame(position + from, Arrays.copyOfRange(buffer, from, from + length));
        used = from + length;
        count++;
      }
      if (used == 0 && !more(filled)) {
        break;
      }
      position += used;
    }
    return count;
  }

  /**
   * The bytes of a frame.
   *
   * @throws EOFException if the file has been cut
   */
  byte[] read(long offset, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes, offset + bytes.position()) < 0) {
        throw new EOFException(
            "%s: ends before %d (expected: a record)".formatted(file, offset + length));
      }
    }
    return bytes.array();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  private int fill(long from) throws IOException {
    ByteBuffer target = ByteBuffer.wrap(buffer);
    while (target.hasRemaining() && channel.read(target, from + target.position()) >= 0) {
      // Goes on until the buffer is full or the file ends.
    }
    return target.position();
  }

  /** Whether reading again from the same place would give more than {@code filled} bytes. */
  private boolean more(int filled) throws IOException {
    return filled < buffer.length && channel.size() > position + filled;
  }
}
