// Netlink sockets for Node: open, join a group, send, receive, and a callback when something is there to be read. What the
// bytes mean is written in TypeScript (src/netlink/); here is only what Node has no call for (netlink(7)).
//
// Plain N-API, so that one binary serves every Node from 20 on.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <linux/netlink.h>
#include <node_api.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

namespace {

// A batch is one message to the kernel (nfnetlink takes a transaction as one buffer), so it has to fit: 16 MiB are some 300,000 elements.
constexpr int kBuffer = 16 * 1024 * 1024;

napi_value Fail(napi_env env, const char *call, int number) {
  const char *name = nullptr;
  char buffer[16];
  switch (number) {
    case EPERM: name = "EPERM"; break;
    case EACCES: name = "EACCES"; break;
    case ENOBUFS: name = "ENOBUFS"; break;
    case EMSGSIZE: name = "EMSGSIZE"; break;
    case ENOMEM: name = "ENOMEM"; break;
    case EPROTONOSUPPORT: name = "EPROTONOSUPPORT"; break;
    case EAFNOSUPPORT: name = "EAFNOSUPPORT"; break;
    case ETIMEDOUT: name = "ETIMEDOUT"; break;
    case ECONNREFUSED: name = "ECONNREFUSED"; break;
    case EMFILE: name = "EMFILE"; break;
    case EBADF: name = "EBADF"; break;
    default: snprintf(buffer, sizeof buffer, "E%d", number); name = buffer;
  }
  char message[128];
  snprintf(message, sizeof message, "netlink %s: %s", call, strerror(number));
  napi_throw_error(env, name, message);
  return nullptr;
}

bool Arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values) {
  size_t count = wanted;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) == napi_ok && count >= wanted) return true;
  napi_throw_type_error(env, nullptr, "netlink: too few arguments");
  return false;
}

bool Int(napi_env env, napi_value value, int32_t *out) {
  if (napi_get_value_int32(env, value, out) == napi_ok) return true;
  napi_throw_type_error(env, nullptr, "netlink: not a number");
  return false;
}

bool Bytes(napi_env env, napi_value value, void **data, size_t *length) {
  if (napi_get_buffer_info(env, value, data, length) == napi_ok) return true;
  napi_throw_type_error(env, nullptr, "netlink: not a Buffer");
  return false;
}

napi_value Number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

// open(protocol) -> descriptor
napi_value Open(napi_env env, napi_callback_info info) {
  napi_value arg[1];
  int32_t protocol;
  if (!Arguments(env, info, 1, arg) || !Int(env, arg[0], &protocol)) return nullptr;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return Fail(env, "socket", errno);
  const int one = 1;
  // FORCE goes beyond net.core.{w,r}mem_max and is root's; without it the plain one takes what is allowed.
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kBuffer, sizeof kBuffer) != 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  // Refusals say why, and do not repeat what was sent; kernels before 4.12 know neither.
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
    const int number = errno;
    close(fd);
    return Fail(env, "bind", number);
  }
  return Number(env, fd);
}

// port(descriptor) -> the number by which the kernel knows this socket
napi_value Port(napi_env env, napi_callback_info info) {
  napi_value arg[1];
  int32_t fd;
  if (!Arguments(env, info, 1, arg) || !Int(env, arg[0], &fd)) return nullptr;
  sockaddr_nl address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length) != 0) return Fail(env, "getsockname", errno);
  return Number(env, address.nl_pid);
}

// join(descriptor, group): messages that the kernel sends to this group arrive here, too
napi_value Join(napi_env env, napi_callback_info info) {
  napi_value arg[2];
  int32_t fd, group;
  if (!Arguments(env, info, 2, arg) || !Int(env, arg[0], &fd) || !Int(env, arg[1], &group)) return nullptr;
  if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) return Fail(env, "join", errno);
  return nullptr;
}

// send(descriptor, bytes)
napi_value Send(napi_env env, napi_callback_info info) {
  napi_value arg[2];
  int32_t fd;
  void *data;
  size_t length;
  if (!Arguments(env, info, 2, arg) || !Int(env, arg[0], &fd) || !Bytes(env, arg[1], &data, &length)) return nullptr;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do sent = sendto(fd, data, length, 0, reinterpret_cast<sockaddr *>(&kernel), sizeof kernel);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return Fail(env, "send", errno);
  return nullptr;
}

// receive(descriptor, into, timeoutMs) -> length of one delivery; 0 when none came in time
napi_value Receive(napi_env env, napi_callback_info info) {
  napi_value arg[3];
  int32_t fd, timeout;
  void *data;
  size_t room;
  if (!Arguments(env, info, 3, arg) || !Int(env, arg[0], &fd) || !Bytes(env, arg[1], &data, &room) || !Int(env, arg[2], &timeout)) return nullptr;
  for (;;) {
    iovec part{data, room};
    sockaddr_nl from{};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t length = recvmsg(fd, &header, 0);
    if (length >= 0) {
      if ((header.msg_flags & MSG_TRUNC) != 0) return Fail(env, "receive", EMSGSIZE);
      // Another program may send to this socket, too: only the kernel is believed.
      if (from.nl_pid != 0) continue;
      return Number(env, static_cast<double>(length));
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Fail(env, "receive", errno);
    if (timeout <= 0) return Number(env, 0);
    pollfd wanted{fd, POLLIN, 0};
    const int ready = poll(&wanted, 1, timeout);
    if (ready < 0 && errno != EINTR) return Fail(env, "poll", errno);
    if (ready == 0) return Number(env, 0);
  }
}

struct Watch {
  uv_poll_t poll;
  napi_env env;
  napi_ref callback;
  bool open;
};

void OnReadable(uv_poll_t *poll, int, int) {
  auto *watch = static_cast<Watch *>(poll->data);
  napi_handle_scope scope;
  if (napi_open_handle_scope(watch->env, &scope) != napi_ok) return;
  napi_value callback, global;
  napi_get_reference_value(watch->env, watch->callback, &callback);
  napi_get_global(watch->env, &global);
  napi_value ignored;
  if (napi_make_callback(watch->env, nullptr, global, callback, 0, nullptr, &ignored) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(watch->env, &error);
    napi_fatal_exception(watch->env, error);
  }
  napi_close_handle_scope(watch->env, scope);
}

void OnClosed(uv_handle_t *handle) { delete static_cast<Watch *>(handle->data); }

void EndWatch(Watch *watch) {
  if (!watch->open) return;
  watch->open = false;
  uv_poll_stop(&watch->poll);
  napi_delete_reference(watch->env, watch->callback);
  uv_close(reinterpret_cast<uv_handle_t *>(&watch->poll), OnClosed);
}

// watch(descriptor, callback) -> handle: calls back whenever something is there to be read; does not keep the process alive
napi_value WatchReadable(napi_env env, napi_callback_info info) {
  napi_value arg[2];
  int32_t fd;
  if (!Arguments(env, info, 2, arg) || !Int(env, arg[0], &fd)) return nullptr;
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Fail(env, "watch", EINVAL);
  auto *watch = new Watch{};
  watch->env = env;
  watch->poll.data = watch;
  const int wrong = uv_poll_init(loop, &watch->poll, fd);
  if (wrong != 0) {
    delete watch;
    return Fail(env, "watch", -wrong);
  }
  napi_create_reference(env, arg[1], 1, &watch->callback);
  watch->open = true;
  uv_poll_start(&watch->poll, UV_READABLE, OnReadable);
  uv_unref(reinterpret_cast<uv_handle_t *>(&watch->poll));
  napi_value handle;
  napi_create_external(env, watch, nullptr, nullptr, &handle);
  return handle;
}

// unwatch(handle): once for each handle
napi_value Unwatch(napi_env env, napi_callback_info info) {
  napi_value arg[1];
  void *watch;
  if (!Arguments(env, info, 1, arg)) return nullptr;
  if (napi_get_value_external(env, arg[0], &watch) == napi_ok) EndWatch(static_cast<Watch *>(watch));
  return nullptr;
}

napi_value Close(napi_env env, napi_callback_info info) {
  napi_value arg[1];
  int32_t fd;
  if (Arguments(env, info, 1, arg) && Int(env, arg[0], &fd)) close(fd);
  return nullptr;
}

napi_value Init(napi_env env, napi_value exports) {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"open", Open}, {"port", Port}, {"join", Join}, {"send", Send}, {"receive", Receive}, {"watch", WatchReadable}, {"unwatch", Unwatch}, {"close", Close}};
  for (const auto &[name, call] : functions) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
