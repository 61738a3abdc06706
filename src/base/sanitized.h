/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/sanitized.h - SU_SANITIZED: 1 in a build with the address sanitizer, else 0.
 *
 * Its runtime reads /proc, starts threads and, to find leaks at the end, traces its own process: what programs that
 * shut themselves in have no use for. */
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SU_SANITIZED 1
#endif
#endif
#if !defined(SU_SANITIZED) && defined(__SANITIZE_ADDRESS__)
#define SU_SANITIZED 1
#endif
#ifndef SU_SANITIZED
#define SU_SANITIZED 0
#endif
