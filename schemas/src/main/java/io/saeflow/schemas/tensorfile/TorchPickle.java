// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import net.razorvine.pickle.IObjectConstructor;
import net.razorvine.pickle.Opcodes;
import net.razorvine.pickle.PickleException;
import net.razorvine.pickle.PickleUtils;
import net.razorvine.pickle.Unpickler;
import org.jspecify.annotations.Nullable;

/**
 * Reads the pickle of a checkpoint: tensors and plain data, nothing that could run. Both the
 * opcodes and the globals are allow-listed here, so the library's registry of constructors, which
 * is shared by the whole process, is neither consulted nor changed.
 *
 * <p>Strings, booleans, null, Integer, Long and Double are themselves; dicts are maps in the order
 * of the file, lists are lists, tuples are {@code Object[]}, a dtype or a device is its name, and a
 * size is a list of longs.
 */
final class TorchPickle extends Unpickler {
  private static final Map<String, Dtype> STORAGES =
      Map.of(
          "DoubleStorage", Dtype.F64,
          "FloatStorage", Dtype.F32,
          "HalfStorage", Dtype.F16,
          "BFloat16Storage", Dtype.BF16,
          "LongStorage", Dtype.I64,
          "IntStorage", Dtype.I32,
          "ShortStorage", Dtype.I16,
          "CharStorage", Dtype.I8,
          "ByteStorage", Dtype.U8,
          "BoolStorage", Dtype.BOOL);
  private static final Pattern DTYPE = Pattern.compile("bool|b?float\\d+|u?int\\d+|complex\\d+");
  private static final Map<String, IObjectConstructor> CALLABLE =
      Map.of(
          "collections.OrderedDict", TorchPickle::orderedDict,
          "torch._utils._rebuild_tensor_v2", TorchPickle::tensor,
          "torch._utils._rebuild_parameter", arguments -> (Tensor) arguments[0],
          "torch.Size", arguments -> numbers(arguments[0]),
          "torch.device", TorchPickle::device);

  /** An entry of the archive, {@code count} values long. */
  record Storage(Dtype dtype, String key, long count) {}

  /** A view of a storage, in its values. */
  record Tensor(Storage storage, long offset, List<Long> shape, List<Long> strides) {}

  private TorchPickle() {}

  /**
   * The object that {@code pickle} describes.
   *
   * @throws PickleException if it is broken or holds more than tensors and plain data
   */
  static @Nullable Object read(byte[] pickle) {
    try {
      return new TorchPickle().load(new ByteArrayInputStream(pickle));
    } catch (PickleException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // The library meets a malformed stream with whatever its next cast or index throws.
      throw new PickleException("pickle: malformed (%s)".formatted(e.getMessage()), e);
    }
  }

  @Override
  protected Object dispatch(short opcode) throws IOException {
    switch (opcode) {
      case Opcodes.GLOBAL -> global(PickleUtils.readline(input), PickleUtils.readline(input));
      case Opcodes.STACK_GLOBAL -> {
        String name = (String) stack.pop();
        global((String) stack.pop(), name);
      }
      case Opcodes.INST ->
          throw foreign(PickleUtils.readline(input) + "." + PickleUtils.readline(input));
      case Opcodes.EMPTY_DICT -> stack.add(new LinkedHashMap<>());
      case Opcodes.SETITEM -> {
        Object value = stack.pop();
        put(stack.pop(), value);
      }
      case Opcodes.SETITEMS -> {
        List<Object> items = stack.pop_all_since_marker();
        for (int i = 0; i < items.size(); i += 2) {
          put(items.get(i), items.get(i + 1));
        }
      }
      case Opcodes.BUILD -> {
        // A state dict carries module versions as an attribute; nothing else may have attributes.
        if (!(stack.pop() instanceof Map) || !(stack.peek() instanceof Map)) {
          throw new PickleException("pickle: attributes (expected: only tensors and plain data)");
        }
      }
      case Opcodes.BINUNICODE -> {
        input.mark(4);
        int length = PickleUtils.bytes_to_integer(PickleUtils.readbytes(input, 4));
        if (length < 0 || length > input.available()) {
          throw new PickleException(
              "pickle: a string of %d bytes (expected: at most %d, the rest of it)"
                  .formatted(length, input.available()));
        }
        input.reset();
        return super.dispatch(opcode);
      }
      case Opcodes.PROTO,
          Opcodes.FRAME,
          Opcodes.STOP,
          Opcodes.MARK,
          Opcodes.MEMOIZE,
          Opcodes.BINPUT,
          Opcodes.LONG_BINPUT,
          Opcodes.BINGET,
          Opcodes.LONG_BINGET,
          Opcodes.NONE,
          Opcodes.NEWTRUE,
          Opcodes.NEWFALSE,
          Opcodes.BININT,
          Opcodes.BININT1,
          Opcodes.BININT2,
          Opcodes.LONG1,
          Opcodes.BINFLOAT,
          Opcodes.SHORT_BINUNICODE,
          Opcodes.EMPTY_LIST,
          Opcodes.APPEND,
          Opcodes.APPENDS,
          Opcodes.EMPTY_TUPLE,
          Opcodes.TUPLE,
          Opcodes.TUPLE1,
          Opcodes.TUPLE2,
          Opcodes.TUPLE3,
          Opcodes.REDUCE,
          Opcodes.BINPERSID -> {
        return super.dispatch(opcode);
      }
      default ->
          throw new PickleException(
              "pickle opcode 0x%02x (expected: only tensors and plain data)".formatted(opcode));
    }
    return NO_RETURN_VALUE;
  }

  @Override
  protected Object persistentLoad(Object id) {
    Object[] parts = (Object[]) id;
    if (!"storage".equals(parts[0])) {
      throw new PickleException("pickle: a persistent id (expected: a storage)");
    }
    return new Storage((Dtype) parts[1], (String) parts[2], number(parts[4]));
  }

  private void global(String module, String name) {
    String qualified = module + "." + name;
    if (CALLABLE.containsKey(qualified)) {
      stack.add(CALLABLE.get(qualified));
    } else if (module.equals("torch") && STORAGES.containsKey(name)) {
      stack.add(STORAGES.get(name));
    } else if (module.equals("torch") && DTYPE.matcher(name).matches()) {
      stack.add(qualified);
    } else {
      throw foreign(qualified);
    }
  }

  private void put(Object key, @Nullable Object value) {
    if (!(key instanceof String || key instanceof Number || key instanceof Boolean)) {
      // Hashing a container that holds itself would never end.
      throw new PickleException("pickle: a dict's key (expected: a string or a number)");
    }
    @SuppressWarnings("unchecked") // every map on the stack was made here
    Map<Object, @Nullable Object> dict = (Map<Object, @Nullable Object>) stack.peek();
    dict.put(key, value);
  }

  private static PickleException foreign(String global) {
    return new PickleException(
        "pickle global '%s' (expected: only tensors and plain data)".formatted(global));
  }

  private static Object orderedDict(Object[] arguments) {
    if (arguments.length != 0) {
      throw new PickleException("pickle: OrderedDict's arguments (expected: none)");
    }
    return new LinkedHashMap<>();
  }

  private static Object tensor(Object[] arguments) {
    Tensor tensor =
        new Tensor(
            (Storage) arguments[0],
            number(arguments[1]),
            numbers(arguments[2]),
            numbers(arguments[3]));
    if (tensor.shape.size() != tensor.strides.size()) {
      throw new PickleException(
          "pickle: strides %s (expected: one a dimension of %s)"
              .formatted(tensor.strides, tensor.shape));
    }
    return tensor;
  }

  private static Object device(Object[] arguments) {
    return arguments.length == 1
        ? (String) arguments[0]
        : arguments[0] + ":" + number(arguments[1]);
  }

  private static List<Long> numbers(Object tuple) {
    return Arrays.stream((Object[]) tuple).map(TorchPickle::number).toList();
  }

  private static long number(Object value) {
    if (value instanceof Integer || value instanceof Long) {
      return ((Number) value).longValue();
    }
    throw new PickleException("pickle: not a 64-bit integer (expected: one, in a tensor's layout)");
  }
}
