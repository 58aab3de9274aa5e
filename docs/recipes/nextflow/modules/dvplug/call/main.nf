process DVPLUG_CALL {
    tag "${meta.id}"
    label 'process_high'

    conda "${moduleDir}/environment.yml"
    container 'localhost/dvplug:latest'

    input:
    tuple val(meta), path(reads), path(index)
    tuple val(meta2), path(fasta), path(fai), path(gzi)

    output:
    tuple val(meta), path("${prefix}.vcf.gz"), path("${prefix}.vcf.gz.{tbi,csi}"), emit: vcf
    tuple val(meta), path("${prefix}.g.vcf.gz"), path("${prefix}.g.vcf.gz.{tbi,csi}"), emit: gvcf
    tuple val(meta), path("${prefix}.html"), emit: report
    path "versions.yml", emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    // A task that is tried again begins in a new folder. Its journal is found there if task.ext.state is a folder that
    // all nodes, and their containers, see: outputs are made in it, then moved.
    def args = task.ext.args ?: ''
    def folder = task.ext.state ?: 'made'
    def tech = meta.tech ?: 'auto'
    def memory = task.memory ? "--max-memory ${task.memory.toMega()}M" : ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p ${folder}
    dvplug call \\
        --tech ${tech} \\
        --ref ${fasta} \\
        --reads ${reads} \\
        --out ${folder}/${prefix}.vcf.gz \\
        --gvcf ${folder}/${prefix}.g.vcf.gz \\
        --report ${folder}/${prefix}.html \\
        --workers ${task.cpus} \\
        ${memory} \\
        --resume \\
        ${args}
    mv ${folder}/${prefix}.vcf.gz* ${folder}/${prefix}.g.vcf.gz* ${folder}/${prefix}.html .

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dvplug: \$(dvplug --version)
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo "" | gzip > ${prefix}.vcf.gz
    echo "" | gzip > ${prefix}.g.vcf.gz
    touch ${prefix}.vcf.gz.tbi ${prefix}.g.vcf.gz.tbi ${prefix}.html

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dvplug: \$(dvplug --version)
    END_VERSIONS
    """
}
