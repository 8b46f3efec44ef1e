# CAPSTAN_FLAG(VARIABLE, FLAG) - add FLAG to VARIABLE if compiler and linker take it.
AC_DEFUN([CAPSTAN_FLAG], [
  AS_VAR_PUSHDEF([cache], [capstan_cv_flag_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [cache], [
    saved=$CFLAGS
    CFLAGS="$CFLAGS -Werror $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cache], [yes])],
      [AS_VAR_SET([cache], [no])])
    CFLAGS=$saved])
  AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
  AS_VAR_POPDEF([cache])
])
# CAPSTAN_FLAGS(VARIABLE, FLAGS) - the same for a list.
AC_DEFUN([CAPSTAN_FLAGS], [m4_foreach_w([flag], [$2], [CAPSTAN_FLAG([$1], flag)])])
