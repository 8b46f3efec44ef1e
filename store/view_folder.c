#include "store/view_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VIEWS_MAX = 64 };

/* Lock `folder->path`; true if it is ours and was not being removed meanwhile. */
static bool
take(struct view_folder *folder)
{
    char path[PATH_MAX + 8];
    struct stat found;
    snprintf(path, sizeof path, "%s/lock", folder->path);
    folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock < 0)
        return false;
    if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0 && fstat(folder->lock, &found) == 0
        && found.st_nlink > 0)
        return true;
    close(folder->lock);
    folder->lock = -1;
    return false;
}

/* Print the name of view `i` and make the folder that it is in.  False: too long. */
static bool
folder_name(const char *journal, int i, char out[PATH_MAX])
{
    const char *name = strrchr(journal, '/');
    int above = name == NULL ? 0 : (int)(name + 1 - journal);
    if (snprintf(out, PATH_MAX, "%.*sviews", above, journal) >= PATH_MAX)
        return false;
    (void)mkdir(out, 0700); /* if it is missing, the next one fails and says why */
    return snprintf(out, PATH_MAX, "%.*sviews/%s.view-%d", above, journal,
               journal + above, i)
           < PATH_MAX;
}

enum err
view_folder_open(const char *journal, struct view_folder *folder, struct fault *fault)
{
    folder->lock = -1;
    for (int i = 1; i <= VIEWS_MAX; i++) {
        if (!folder_name(journal, i, folder->path))
            return fault_set(fault, ERR_IO, "%s: its path is too long", journal);
        if (mkdir(folder->path, 0700) != 0 && errno != EEXIST)
            return fault_set(fault, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s",
                folder->path, strerror(errno));
        if (take(folder))
            return ERR_NONE;
    }
    return fault_set(fault, ERR_BUSY, "%s: %d views are open", journal, VIEWS_MAX);
}

void
view_folder_close(struct view_folder *folder)
{
    if (folder->lock < 0)
        return;
    DIR *dir = opendir(folder->path);
    if (dir != NULL) {
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
            if (entry->d_name[0] != '.')
                unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
    }
    rmdir(folder->path);
    close(folder->lock);
    folder->lock = -1;
}
