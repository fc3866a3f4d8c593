// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import java.util.ArrayList;
import java.util.List;

final class LibtorchScript implements Script {
  private final LibtorchEngine engine;
  private final PtSymbolBlock module;
  private volatile boolean closed;

  LibtorchScript(LibtorchEngine engine, PtSymbolBlock module) {
    this.engine = engine;
    this.module = module;
  }

  @Override
  public List<Tensor> call(String method, Object... arguments) {
    engine.requireOpen();
    if (closed) {
      throw new IllegalStateException("script: closed (expected: open)");
    }
    engine.prepareThread();
    IValue[] values = new IValue[arguments.length];
    try {
      for (int i = 0; i < arguments.length; i++) {
        values[i] = argument(method, i, arguments[i]);
      }
      try (IValue result = IValueUtils.runMethod(module, method, values)) {
        return tensors(method, result);
      } catch (EngineException e) {
        throw new IllegalStateException(
            "script method %s: %s".formatted(method, LibtorchEngine.torchMessage(e)), e);
      }
    } finally {
      for (IValue value : values) {
        if (value != null) {
          value.close();
        }
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    module.close();
  }

  private static IValue argument(String method, int index, Object argument) {
    if (argument instanceof Tensor tensor) {
      return IValue.from(array(method, index, tensor));
    }
    if (argument instanceof List<?> tensors) {
      PtNDArray[] arrays = new PtNDArray[tensors.size()];
      for (int i = 0; i < arrays.length; i++) {
        arrays[i] = array(method, index, tensors.get(i));
      }
      return IValue.listFrom(arrays);
    }
    if (argument instanceof Long || argument instanceof Integer) {
      return IValue.from(((Number) argument).longValue());
    }
    if (argument instanceof Double number) {
      return IValue.from(number.doubleValue());
    }
    if (argument instanceof Boolean bool) {
      return IValue.from(bool.booleanValue());
    }
    throw wrongKind(method, index, argument);
  }

  private static PtNDArray array(String method, int index, Object argument) {
    if (argument instanceof LibtorchTensor tensor) {
      return tensor.array();
    }
    throw wrongKind(method, index, argument);
  }

  private static IllegalArgumentException wrongKind(String method, int index, Object argument) {
    return new IllegalArgumentException(
        "script method %s, argument %d: %s (expected: a tensor of this engine, a list of them, Long, Integer, Double or Boolean)"
            .formatted(method, index, argument.getClass().getName()));
  }

  private List<Tensor> tensors(String method, IValue result) {
    List<Tensor> tensors = new ArrayList<>();
    if (result.isTensor()) {
      tensors.add(new LibtorchTensor(result.toTensor(engine.memory())));
    } else if (result.isTensorList()) {
      for (PtNDArray array : result.toTensorArray(engine.memory())) {
        tensors.add(new LibtorchTensor(array));
      }
    } else if (result.isTuple()) {
      String notTensor = null;
      for (IValue element : result.toIValueTuple()) {
        if (element.isTensor()) {
          tensors.add(new LibtorchTensor(element.toTensor(engine.memory())));
        } else {
          notTensor = element.getType();
        }
        element.close();
      }
      if (notTensor != null) {
        tensors.forEach(Tensor::close);
        throw wrongResult(method, notTensor + " in a tuple");
      }
    } else {
      throw wrongResult(method, result.getType());
    }
    return tensors;
  }

  private static IllegalStateException wrongResult(String method, String type) {
    return new IllegalStateException(
        "script method %s: returned %s (expected: a tensor, a list or a tuple of tensors)"
            .formatted(method, type));
  }
}
