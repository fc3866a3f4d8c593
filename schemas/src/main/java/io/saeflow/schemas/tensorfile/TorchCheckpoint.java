// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import io.saeflow.schemas.tensorfile.TorchPickle.Storage;
import io.saeflow.schemas.tensorfile.TorchPickle.Tensor;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import net.razorvine.pickle.PickleException;
import org.jspecify.annotations.Nullable;

/**
 * A dict saved by {@code torch.save}: a zip archive of one pickle and the tensors' storages. Only
 * tensors and plain data are read; a pickle that names any other global is refused. Tensors may
 * share storages and have any strides. The format of PyTorch before 1.6, not a zip, is refused, and
 * so are compressed entries, which {@code torch.save} never writes: nothing unfolds to more than
 * the file holds.
 */
public final class TorchCheckpoint implements TensorFile {
  // Tens of thousands of tensors. Each byte may become an object, so a higher limit is none.
  private static final int MAX_PICKLE = 4 << 20;
  private static final int CHUNK = 1 << 20;

  private final String name;
  private final ZipFile zip;
  private final String root;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final Map<String, Object> values = new LinkedHashMap<>();
  private final long size;

  private TorchCheckpoint(String name, ZipFile zip, long size) throws TensorFileException {
    this.name = name;
    this.zip = zip;
    this.size = size;
    List<String> pickles =
        zip.stream().map(ZipEntry::getName).filter(entry -> entry.endsWith("/data.pkl")).toList();
    if (pickles.size() != 1) {
      throw problem(
          "%d entries */data.pkl (expected: 1, as torch.save writes)".formatted(pickles.size()));
    }
    String pickle = pickles.get(0);
    root = pickle.substring(0, pickle.length() - "data.pkl".length());
  }

  /**
   * Opens a checkpoint and reads its pickle; tensors are read when asked for.
   *
   * @throws TensorFileException if it cannot be read, is not such an archive, or its pickle holds
   *     more than a dict of tensors and plain data
   */
  public static TorchCheckpoint open(Path path) throws TensorFileException {
    String name = String.valueOf(path.getFileName());
    long size = requireZip(path);
    ZipFile zip = null;
    try {
      zip = new ZipFile(path.toFile());
      TorchCheckpoint checkpoint = new TorchCheckpoint(name, zip, size);
      checkpoint.read();
      return checkpoint;
    } catch (IOException | IllegalArgumentException e) {
      closeQuietly(zip);
      throw new TensorFileException("%s: %s".formatted(name, e.getMessage()), e);
    } catch (TensorFileException e) {
      closeQuietly(zip);
      throw e;
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public List<Long> shape(String name) throws TensorFileException {
    return tensor(name).shape();
  }

  /**
   * The entry {@code name} that is not a tensor: a String, Boolean, Integer, Long, Double, List,
   * {@code Object[]} for a tuple, or Map. Empty if there is none, or it is None.
   */
  public Optional<Object> value(String name) {
    return Optional.ofNullable(values.get(name));
  }

  @Override
  public float[] floats(String name) throws TensorFileException {
    Tensor tensor = tensor(name);
    Dtype dtype = tensor.storage().dtype();
    if (!dtype.isFloating()) {
      throw problem(name, "dtype %s (expected: F32, F16, BF16 or F64)".formatted(dtype));
    }
    Layout layout = layout(name, tensor);
    float[] stored = new float[layout.extent];
    scan(name, tensor, layout, (bytes, at) -> dtype.decode(bytes, stored, at));
    if (layout.contiguous) {
      return stored;
    }
    float[] rowMajor = new float[layout.count];
    forEachIndex(tensor, layout.count, (to, from) -> rowMajor[to] = stored[from]);
    return rowMajor;
  }

  /**
   * The values of tensor {@code name}, row-major, widened from any integer dtype.
   *
   * @throws TensorFileException as {@link #floats} does
   */
  public long[] longs(String name) throws TensorFileException {
    Tensor tensor = tensor(name);
    Dtype dtype = tensor.storage().dtype();
    if (dtype.isFloating()) {
      throw problem(name, "dtype %s (expected: an integer dtype)".formatted(dtype));
    }
    Layout layout = layout(name, tensor);
    long[] stored = new long[layout.extent];
    scan(name, tensor, layout, (bytes, at) -> dtype.decode(bytes, stored, at));
    if (layout.contiguous) {
      return stored;
    }
    long[] rowMajor = new long[layout.count];
    forEachIndex(tensor, layout.count, (to, from) -> rowMajor[to] = stored[from]);
    return rowMajor;
  }

  @Override
  public void close() {
    closeQuietly(zip);
  }

  /**
   * How a tensor lies in its storage.
   *
   * @param entry its storage's
   * @param count its values
   * @param extent values of the storage from its first to its last, both included
   * @param contiguous whether those are its values, in row-major order
   */
  private record Layout(ZipEntry entry, int count, int extent, boolean contiguous) {}

  private interface Decoder {
    void decode(ByteBuffer bytes, int at);
  }

  private interface Move {
    void move(int to, int from);
  }

  private void read() throws IOException, TensorFileException {
    ZipEntry byteOrder = zip.getEntry(root + "byteorder");
    if (byteOrder != null) {
      String order = new String(bytes(byteOrder, 64), StandardCharsets.US_ASCII);
      if (!order.equals("little")) {
        throw problem("byteorder '%s' (expected: little)".formatted(order));
      }
    }
    Object content;
    try {
      content = TorchPickle.read(bytes(zip.getEntry(root + "data.pkl"), MAX_PICKLE));
    } catch (PickleException e) {
      throw new TensorFileException(problem(e.getMessage()).getMessage(), e);
    }
    if (!(content instanceof Map<?, ?> dict)) {
      throw problem(
          "it holds %s (expected: a dict of tensors)"
              .formatted(content == null ? "None" : "a " + content.getClass().getSimpleName()));
    }
    for (Map.Entry<?, ?> entry : dict.entrySet()) {
      String key = String.valueOf(entry.getKey());
      if (entry.getValue() instanceof Tensor tensor) {
        tensors.put(key, tensor);
      } else if (entry.getValue() != null) {
        values.put(key, entry.getValue());
      }
    }
  }

  private byte[] bytes(ZipEntry entry, int limit) throws IOException, TensorFileException {
    requireStored(entry);
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] bytes = in.readNBytes(limit + 1);
      if (bytes.length > limit) {
        throw problem("%s (expected: at most %d bytes)".formatted(entry.getName(), limit));
      }
      return bytes;
    }
  }

  private void requireStored(ZipEntry entry) throws TensorFileException {
    if (entry.getMethod() != ZipEntry.STORED) {
      throw problem(
          "entry %s is compressed (expected: stored, as torch.save does)"
              .formatted(entry.getName()));
    }
  }

  private Tensor tensor(String tensor) throws TensorFileException {
    Tensor found = tensors.get(tensor);
    if (found == null) {
      throw TensorFileException.noTensor(name, tensor, tensors.keySet());
    }
    return found;
  }

  /** Checks a tensor against its storage, and the storage against the archive. */
  private Layout layout(String tensorName, Tensor tensor) throws TensorFileException {
    Storage storage = tensor.storage();
    ZipEntry entry = entry(tensorName, storage);
    long count;
    long last = tensor.offset();
    long rowMajorStride = 1;
    boolean contiguous = true;
    try {
      count = Shapes.count(tensor.shape());
      for (int i = tensor.shape().size() - 1; i >= 0 && count > 0; i--) {
        long dimension = tensor.shape().get(i);
        long stride = tensor.strides().get(i);
        if (stride < 0) {
          throw new IllegalArgumentException(
              "strides: %s (expected: none < 0)".formatted(tensor.strides()));
        }
        last = Math.addExact(last, Math.multiplyExact(dimension - 1, stride));
        contiguous &= dimension == 1 || stride == rowMajorStride;
        rowMajorStride *= dimension;
      }
      if (count > 0 && (tensor.offset() < 0 || last >= storage.count())) {
        throw new IllegalArgumentException(
            "values %d to %d (expected: inside the %d of storage '%s')"
                .formatted(tensor.offset(), last, storage.count(), storage.key()));
      }
      if (count > storage.count()) {
        throw new IllegalArgumentException(
            "%d values (expected: at most the %d of storage '%s')"
                .formatted(count, storage.count(), storage.key()));
      }
      long extent = count == 0 ? 0 : last - tensor.offset() + 1;
      return new Layout(entry, Shapes.arrayLength(count), Shapes.arrayLength(extent), contiguous);
    } catch (ArithmeticException e) {
      throw problem(
          tensorName,
          "shape %s, strides %s (expected: < 2^63 values)"
              .formatted(tensor.shape(), tensor.strides()));
    } catch (IllegalArgumentException e) {
      throw problem(tensorName, String.valueOf(e.getMessage()));
    }
  }

  private ZipEntry entry(String tensorName, Storage storage) throws TensorFileException {
    ZipEntry entry = zip.getEntry(root + "data/" + storage.key());
    if (entry == null) {
      throw problem(tensorName, "no entry %sdata/%s".formatted(root, storage.key()));
    }
    requireStored(entry);
    // The directory's sizes are claims: none may exceed the file.
    long available = Math.min(entry.getSize(), size);
    if (storage.count() > available / storage.dtype().bytes()) {
      throw problem(
          tensorName,
          "entry %s holds %d bytes (expected: %d values of %s)"
              .formatted(entry.getName(), available, storage.count(), storage.dtype()));
    }
    return entry;
  }

  private void scan(String tensorName, Tensor tensor, Layout layout, Decoder decoder)
      throws TensorFileException {
    int width = tensor.storage().dtype().bytes();
    byte[] chunk = new byte[(int) Math.min(CHUNK, (long) layout.extent * width)];
    ByteBuffer bytes = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN);
    try (InputStream in = zip.getInputStream(layout.entry)) {
      in.skipNBytes(layout.extent == 0 ? 0 : tensor.offset() * width);
      int step = chunk.length / width;
      for (int at = 0; at < layout.extent; at += Math.min(step, layout.extent - at)) {
        int length = Math.min(step, layout.extent - at) * width;
        if (in.readNBytes(chunk, 0, length) < length) {
          throw new EOFException("its storage ends early");
        }
        decoder.decode(bytes.clear().limit(length), at);
      }
    } catch (IOException e) {
      throw problem(tensorName, String.valueOf(e.getMessage()));
    }
  }

  /** Calls {@code move} with each row-major index and where its value lies in the extent. */
  private static void forEachIndex(Tensor tensor, int count, Move move) {
    int dimensions = tensor.shape().size();
    int[] shape = tensor.shape().stream().mapToInt(Math::toIntExact).toArray();
    // A dimension of one may have any stride, and never steps.
    int[] strides = new int[dimensions];
    for (int i = 0; i < dimensions; i++) {
      strides[i] = shape[i] == 1 ? 0 : Math.toIntExact(tensor.strides().get(i));
    }
    int[] index = new int[dimensions];
    int from = 0;
    for (int to = 0; to < count; to++) {
      move.move(to, from);
      for (int i = dimensions - 1; i >= 0; i--) {
        from += strides[i];
        if (++index[i] < shape[i]) {
          break;
        }
        from -= strides[i] * shape[i];
        index[i] = 0;
      }
    }
  }

  private TensorFileException problem(String message) {
    return new TensorFileException(name + ": " + message);
  }

  private TensorFileException problem(String tensor, String message) {
    return problem("tensor '%s': %s".formatted(tensor, message));
  }

  /** The file's size. */
  private static long requireZip(Path path) throws TensorFileException {
    try (FileBytes file = FileBytes.open(path)) {
      ByteBuffer magic = ByteBuffer.allocate((int) Math.min(4, file.size()));
      file.read(0, magic);
      if (magic.remaining() < 4 || magic.getInt() != 0x504b0304) {
        throw file.problem(
            "not a zip archive (expected: torch.save's format since PyTorch 1.6; the older one is"
                + " not read)");
      }
      return file.size();
    }
  }

  private static void closeQuietly(@Nullable ZipFile zip) {
    try {
      if (zip != null) {
        zip.close();
      }
    } catch (IOException e) {
      // Nothing was written, so nothing can be lost.
    }
  }
}
