/* access_bodies - the messages about who may do what: roles, principals, projects. Only
 * messages.h includes it. */
#ifndef TRANSPORT_ACCESS_BODIES_H
#define TRANSPORT_ACCESS_BODIES_H
/* clang-format off */
#define role_set_FIELDS(F, S)                                                            \
    F(S, 1, u64,  request,     "to be named in the answer")                              \
    F(S, 2, text, role,        "role_… id")                                              \
    F(S, 3, text, name,        "of a new one: unique in the project")                    \
    F(S, 4, blob, description, "msgpack text; nothing: as it was")                       \
    F(S, 5, u32,  scopes,      "bits of enum scope; 0: as they were")                    \
    F(S, 6, blob, tags,        "msgpack map; nothing: as they were")                     \
    F(S, 7, u32,  create,      "1: a new one")

#define role_changed_FIELDS(F, S)                                                        \
    F(S, 1, text, role,        "role_… id")                                              \
    F(S, 2, text, name,        "unique in the project")                                  \
    F(S, 3, text, description, "for people")                                             \
    F(S, 4, u32,  scopes,      "bits of enum scope")                                     \
    F(S, 5, blob, tags,        "msgpack map, or nothing")

#define role_delete_FIELDS(F, S)                                                         \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, role,    "id or name")

#define role_deleted_FIELDS(F, S)                                                        \
    F(S, 1, text, role, "role_… id")

#define role_list_FIELDS(F, S)                                                           \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, role,    "id or name of one; nothing: all")

#define principal_set_FIELDS(F, S)                                                       \
    F(S, 1,  u64,  request,     "to be named in the answer")                             \
    F(S, 2,  id,   principal,   "svc_… id")                                              \
    F(S, 3,  text, name,        "of a new one")                                          \
    F(S, 4,  blob, description, "msgpack text; nothing: as it was")                      \
    F(S, 5,  blob, owner,       "msgpack text; nothing: as it was")                      \
    F(S, 6,  blob, metadata,    "msgpack map; nothing: as it was")                       \
    F(S, 7,  blob, tags,        "msgpack map; nothing: as they were")                    \
    F(S, 8,  u32,  state,       "enum principal_state; 0: as it was")                    \
    F(S, 9,  blob, roles,       "msgpack array of ids or names; nothing: as they were")  \
    F(S, 10, text, by,          "name of the key that asks")                             \
    F(S, 11, u32,  create,      "1: a new one")

#define principal_changed_FIELDS(F, S)                                                   \
    F(S, 1, id,   principal,   "svc_… id")                                               \
    F(S, 2, text, name,        "for people")                                             \
    F(S, 3, text, description, "for people")                                             \
    F(S, 4, text, owner,       "who answers for it, or nothing")                         \
    F(S, 5, blob, metadata,    "msgpack map, or nothing")                                \
    F(S, 6, blob, tags,        "msgpack map, or nothing")                                \
    F(S, 7, u32,  state,       "enum principal_state")                                   \
    F(S, 8, blob, roles,       "msgpack array of maps: role, at_ms, by")

#define principal_offered_FIELDS(F, S)                                                   \
    F(S, 1, id,  principal, "svc_… id")                                                  \
    F(S, 2, u32, scopes,    "bits of enum scope that its roles allow")                   \
    F(S, 3, u32, barred,    "1: refuse its keys")

#define principal_list_FIELDS(F, S)                                                      \
    F(S, 1, u64, request,   "to be named in the answer")                                 \
    F(S, 2, id,  principal, "one of them; zero: all")

#define role_assign_FIELDS(F, S)                                                         \
    F(S, 1, u64,  request,   "to be named in the answer")                                \
    F(S, 2, id,   principal, "svc_… id")                                                 \
    F(S, 3, text, role,      "id or name")                                               \
    F(S, 4, text, by,        "name of the key that asks")                                \
    F(S, 5, u32,  remove,    "1: it holds the role no more")

#define project_set_FIELDS(F, S)                                                         \
    F(S, 1, u64,  request,     "to be named in the answer")                              \
    F(S, 2, blob, name,        "msgpack text; nothing: as it was")                       \
    F(S, 3, blob, description, "msgpack text; nothing: as it was")                       \
    F(S, 4, blob, reference,   "msgpack text, once; nothing: as it was")                 \
    F(S, 5, blob, tags,        "msgpack map; nothing: as they were")                     \
    F(S, 6, u32,  status,      "enum project_status; 0: as it was")

#define project_changed_FIELDS(F, S)                                                     \
    F(S, 1, text, name,        "for people, or nothing")                                 \
    F(S, 2, text, description, "for people, or nothing")                                 \
    F(S, 3, text, reference,   "what others know it by, or nothing")                     \
    F(S, 4, blob, tags,        "msgpack map, or nothing")                                \
    F(S, 5, u32,  status,      "enum project_status")

#define project_offered_FIELDS(F, S)                                                     \
    F(S, 1, u32, deleted, "1: nothing is done for its keys")

#define project_get_FIELDS(F, S)                                                         \
    F(S, 1, u64, request, "to be named in the answer")

#define action_set_FIELDS(F, S)                                                          \
    F(S, 1,  u64,    request,       "to be named in the answer")                         \
    F(S, 2,  id,     action,        "id of a new one")                                   \
    F(S, 3,  text,   name,          "as steps call it")                                  \
    F(S, 4,  u32,    kind,          "of a new one: enum action_kind")                    \
    F(S, 5,  blob,   title,         "msgpack text; nothing: as it was")                  \
    F(S, 6,  blob,   description,   "msgpack text; nothing: as it was")                  \
    F(S, 7,  blob,   url,           "msgpack text; nothing: as it was")                  \
    F(S, 8,  blob,   input_schema,  "msgpack map; nothing: as it was")                   \
    F(S, 9,  blob,   output_schema, "msgpack map; nothing: as it was")                   \
    F(S, 10, blob,   annotations,   "msgpack map; nothing: as it was")                   \
    F(S, 11, blob,   tags,          "msgpack map; nothing: as they were")                \
    F(S, 12, secret, secret,        "that signs from now on, sealed; nothing: as before") \
    F(S, 13, u32,    create,        "1: a new one")

#define action_changed_FIELDS(F, S)                                                      \
    F(S, 1,  id,     action,        "action id")                                         \
    F(S, 2,  text,   name,          "as steps call it")                                  \
    F(S, 3,  u32,    kind,          "enum action_kind")                                  \
    F(S, 4,  text,   title,         "for people, or nothing")                            \
    F(S, 5,  text,   description,   "for people, or nothing")                            \
    F(S, 6,  text,   url,           "where it is called, or nothing")                    \
    F(S, 7,  blob,   input_schema,  "msgpack map, or nothing")                           \
    F(S, 8,  blob,   output_schema, "msgpack map, or nothing")                           \
    F(S, 9,  blob,   annotations,   "msgpack map, or nothing")                           \
    F(S, 10, blob,   tags,          "msgpack map, or nothing")                           \
    F(S, 11, secret, secret,        "that signs, sealed; or nothing")                    \
    F(S, 12, u32,    version,       "of the secret, from 1 on")

#define action_delete_FIELDS(F, S)                                                       \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, name,    "of the action")

#define action_deleted_FIELDS(F, S)                                                      \
    F(S, 1, text, name, "of the action")

#define action_offered_FIELDS(F, S)                                                      \
    F(S, 1, id,     action,  "action id")                                                \
    F(S, 2, text,   name,    "of the action")                                            \
    F(S, 3, text,   url,     "where it is called; nothing: it is not there any more")    \
    F(S, 4, secret, secret,  "that signs, sealed")                                       \
    F(S, 5, u32,    version, "of the secret")

#define action_list_FIELDS(F, S)                                                         \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, name,    "of one; nothing: all")
/* clang-format on */
#endif
