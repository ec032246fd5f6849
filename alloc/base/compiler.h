/* compiler.h - the GNU extras the code leans on, behind one header. */
#ifndef GH_ALLOC_BASE_COMPILER_H
#define GH_ALLOC_BASE_COMPILER_H

#define GH_LIKELY(x)         __builtin_expect(!!(x), 1)
#define GH_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define GH_INLINE            static inline __attribute__((always_inline))
#define GH_NOINLINE          __attribute__((noinline))
#define GH_COLD              __attribute__((cold, noinline))
#define GH_NORETURN          __attribute__((noreturn))
#define GH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define GH_UNUSED            __attribute__((unused))
#define GH_ALIGNED(n)        __attribute__((aligned(n)))
/* What plug-ins may call: everything else in the binary is hidden. */
#define GH_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define GH_EXTERN_C_BEGIN extern "C" {
#define GH_EXTERN_C_END   }
#else
#define GH_EXTERN_C_BEGIN
#define GH_EXTERN_C_END
#endif

#endif
